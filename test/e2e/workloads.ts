import { expect, it } from 'vitest';
import { ask } from './calls.js';
import { apply, kubectl, MESH, PLAIN, remove, rolledOut, until } from './cluster.js';
import { deployment, peerAuthentication, program, service, WHO } from './fixtures.js';
import { watchWire } from './wire.js';

const JOB = `
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {app: once}}
    spec:
      restartPolicy: Never
      containers:
        - ${program("fetch('http://details:9080/details/0').then(r=>process.exit(r.status===200?0:1),()=>process.exit(2))")}
`;

const STATEFUL_SET = `
${service('db', '{name: http, port: 8080}', '\n  clusterIP: None')}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
        - ${program(WHO)}
`;

// Greets first, as MySQL and SMTP do, then answers each line with the same.
const GREETER = `require('net').createServer(c=>{c.on('error',()=>{});c.write('220 greetings\\n');c.on('data',d=>c.write('you said '+d))}).listen(2525,'::');process.on('SIGTERM',()=>process.exit(0))`;

const TALK = `
const socket = require('net').connect(Number(process.argv[2]), process.argv[1]);
let heard = '';
socket.setTimeout(15000, () => { console.log('timeout after ' + JSON.stringify(heard)); process.exit(0); });
socket.on('error', (error) => { console.log(error.code); process.exit(0); });
socket.on('close', () => { console.log('closed after ' + JSON.stringify(heard)); process.exit(0); });
socket.on('data', (chunk) => {
  const first = heard === '';
  heard += chunk;
  if (first) socket.write('hello\\n');
  if (heard.includes('you said hello')) { console.log(heard.trim().split('\\n').join('|')); process.exit(0); }
});`;

function talk(host: string, port: number, namespace = MESH, from = 'deploy/client'): Promise<string> {
  return kubectl('exec', '-n', namespace, from, '-c', 'app', '--', 'node', '-e', TALK, host, String(port));
}

/** Workloads that are no Deployments behind HTTP; all under STRICT. */
export function workloads(): void {
  it('lets a Job complete', async () => {
    await apply(peerAuthentication('STRICT'));
    await apply(JOB);
    await kubectl('wait', '-n', MESH, 'job/once', '--for=condition=Complete', '--timeout=90s');
    const containers = await kubectl(
      'get',
      'pod',
      '-n',
      MESH,
      '-l',
      'app=once',
      '-o',
      'jsonpath={.items[0].status.phase}',
    );
    expect(containers).toBe('Succeeded');
    await remove(JOB);
  });

  it('reaches each pod of a StatefulSet by its name, over mTLS', async () => {
    await apply(STATEFUL_SET);
    await rolledOut(MESH, 'statefulset/db');
    for (const name of ['db-0', 'db-1']) {
      await until(`${name} by its name`, async () => {
        const { answers } = await ask({ url: `http://${name}.db:8080/`, count: 5 });
        return answers[`200 ${name} mtls`] === 5;
      });
    }
    const { answers } = await ask({ url: 'http://db:8080/', count: 10 });
    expect(Object.keys(answers).join()).toMatch(/^(200 db-\d mtls,?)+$/);
  });

  it('carries a server-first protocol on a declared port and on one that nobody declared', async () => {
    const ports = '{name: tcp-mail, port: 25, targetPort: 2525}, {name: greeting, port: 3306, targetPort: 2525}';
    await apply(`${deployment('greeter', GREETER)}---${service('greeter', ports)}`);
    await rolledOut(MESH, 'deploy/greeter');
    await until('a greeting', async () => (await talk('greeter', 25)).startsWith('220 greetings|you said hello'));
    const wire = await watchWire('tcp port 2525', async () => {
      expect(await talk('greeter', 3306)).toBe('220 greetings|you said hello\n');
      expect(await talk('greeter', 25)).toBe('220 greetings|you said hello\n');
    });
    expect(wire.plaintext).toEqual([]);
    expect(wire.tlsRecords).toBeGreaterThan(0);
    expect(await talk(`greeter.${MESH}`, 25, PLAIN, 'deploy/outsider')).not.toContain('220');
  });
}
