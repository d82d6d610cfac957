import { request } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FieldMesh } from '../../support/field-mesh.js';

const mesh = new FieldMesh();
/** Each speaks first, says its name, then answers each chunk with itself in capitals. */
const databases = new Map(['db-v1', 'db-v2'].map((name) => [name, database(name)]));
let port = 0;

function database(name: string): Server {
  return createServer((socket) => {
    socket.on('error', () => {});
    socket.write(`hello from ${name}\n`);
    socket.on('data', (chunk) => socket.write(String(chunk).toUpperCase()));
  });
}

beforeAll(async () => {
  const entries: string[] = [];
  for (const [name, server] of databases) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: own } = server.address() as AddressInfo;
    entries.push(`apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}}
spec: {address: 127.0.0.1, ports: {tcp-db: ${own}}, labels: {app: db, version: ${name.slice(3)}}, serviceAccount: db}
`);
  }
  port = await freePort();
  await mesh.start(
    [
      { name: 'client', labels: { app: 'client' } },
      { name: 'web', labels: { app: 'web' } },
    ],
    {
      'databases.yaml': `${entries.join('---\n')}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db}
spec:
  hosts: [db.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp-db, protocol: TCP}]
  workloadSelector: {labels: {app: db}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: undeclared}
spec:
  hosts: [undeclared.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: ${port}, name: what}]
  workloadSelector: {labels: {app: undeclared}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db}
spec:
  host: db
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {mtls: {mode: STRICT}}
`,
    },
  );
  for (const name of databases.keys()) await mesh.mesh.startSidecar(name);
});
afterAll(async () => {
  for (const server of databases.values()) server.close();
  await mesh.dispose();
});

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as AddressInfo;
      server.close(() => resolve(free));
    });
  });
}

function opened(host: string, protocol = 'TCP'): string {
  const declared = protocol === '' ? '' : `protocol: ${protocol}, `;
  return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client}
spec:
  workloadSelector: {labels: {app: client}}
  egress:
    - {port: {number: ${port}, ${declared}name: opened}, captureMode: NONE, hosts: ['./${host}.default.svc.cluster.local']}
    - {hosts: ['*/*']}
`;
}

/** All that comes until `ping` is answered or the connection ends. */
function talk(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.on('data', (chunk) => {
      // A client of a server that speaks first waits for it.
      if (text === '') socket.write('ping');
      text += String(chunk);
      if (text.includes('PING')) socket.destroy();
    });
  });
}

function routes(tcp: string): string {
  return `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: db}
spec: {hosts: [db], tcp: ${tcp}}
`;
}

const V1 = '{destination: {host: db, subset: v1}}';
const V2 = '{destination: {host: db, subset: v2}}';

describe('a TCP service at a port that the Sidecar opens', () => {
  it('is reached over mTLS, though it speaks first', async () => {
    await mesh.apply(opened('db'));
    await mesh.mesh.until('the service', async () => expect(await talk()).toMatch(/^hello from db-v[12]\nPING$/));
  });

  /** Routes, and what answers. */
  it.each([
    [`[{route: [${V2}]}]`, ['db-v2']],
    [`[{match: [{sourceLabels: {app: other}}], route: [${V2}]}, {route: [${V1}]}]`, ['db-v1']],
    [`[{match: [{destinationSubnets: [10.0.0.0/8]}], route: [${V2}]}, {route: [${V1}]}]`, ['db-v1']],
    [`[{match: [{destinationSubnets: [127.0.0.0/8]}], route: [${V2}]}, {route: [${V1}]}]`, ['db-v2']],
    [`[{match: [{gateways: [mesh]}], route: [${V2}]}]`, ['db-v2']],
    [
      `[{route: [{destination: {host: db, subset: v1}, weight: 50}, {destination: {host: db, subset: v2}, weight: 50}]}]`,
      ['db-v1', 'db-v2'],
    ],
  ])('goes where tcp %s says', async (tcp, answering) => {
    await mesh.apply(opened('db') + routes(tcp));
    const seen = new Set<string>();
    for (let i = 0; i < 40; i++) seen.add(/hello from (\S+)/.exec(await talk())?.[1] ?? 'nobody');
    expect([...seen].sort()).toEqual(answering);
  });

  it('refuses connections over the limit', async () => {
    await mesh.apply(`${opened('db')}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: limits}
spec: {host: db, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}
`);
    const first = connect(port, '127.0.0.1');
    await new Promise((resolve) => first.once('data', resolve));
    expect(await talk()).toBe('');
    first.destroy();
    await mesh.mesh.until('room for another', async () => expect(await talk()).toContain('PING'));
  });
});

describe('a service whose protocol nobody declares', () => {
  const workload = (from: string): string => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: mystery}
spec: {address: 127.0.0.1, ports: {what: ${from}}, labels: {app: undeclared}, serviceAccount: mystery}
`;
  const applied = async (target: number): Promise<void> => {
    await mesh.apply(opened('undeclared', '') + workload(String(target)));
    await mesh.mesh.startSidecar('mystery');
  };

  it('may speak first, or HTTP', async () => {
    const { port: own } = databases.get('db-v1')!.address() as AddressInfo;
    await applied(own);
    await mesh.mesh.until('its first words', async () => expect(await talk()).toBe('hello from db-v1\nPING'));
    await mesh.apply(opened('undeclared', '') + workload(String(mesh.app('web').port)));
    await mesh.mesh.until('an answer', async () => expect(await get()).toEqual({ status: 200, from: 'web' }));
  });
});

function get(): Promise<{ status: number | undefined; from: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/', headers: { host: 'undeclared' }, agent: false });
    sent.on('error', reject);
    sent.on('response', (response) => {
      response.resume();
      resolve({ status: response.statusCode, from: response.headers['x-from-app'] });
    });
    sent.end();
  });
}
