import { request } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FieldMesh } from '../../support/field-mesh.js';

const mesh = new FieldMesh();
/** Speaks first, then answers each chunk with itself in capitals. */
const database = createServer((socket) => {
  socket.on('error', () => {});
  socket.write('hello\n');
  socket.on('data', (chunk) => socket.write(String(chunk).toUpperCase()));
});
let outbound = 0;
let entrance = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve));
  const { port } = database.address() as AddressInfo;
  await mesh.start([{ name: 'client', labels: { app: 'client' } }], {
    'database.yaml': `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: db}
spec: {address: 127.0.0.1, ports: {tcp-db: ${port}}, labels: {app: db}, serviceAccount: db}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db}
spec:
  hosts: [db.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp-db, protocol: TCP}]
  workloadSelector: {labels: {app: db}}
`,
  });
  const { sidecar } = await mesh.mesh.startSidecar('db');
  entrance = sidecar?.inbound[port] ?? 0;
  outbound = (await mesh.mesh.workload('client')).sidecar?.outbound ?? 0;
  await mesh.apply('');
});
afterAll(async () => {
  database.close();
  await mesh.dispose();
});

/** What CONNECT answers, and what comes back for `ping` until it is there or the tunnel ends. */
function tunnel(authority: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: outbound, method: 'CONNECT', path: authority, agent: false });
    sent.on('error', reject);
    sent.on('response', (response) => resolve({ status: response.statusCode ?? 0, text: '' }));
    sent.on('connect', (response, socket: Socket, head: Buffer) => {
      let text = String(head);
      const done = (): void => {
        socket.destroy();
        resolve({ status: response.statusCode ?? 0, text });
      };
      socket.on('error', done);
      socket.on('close', done);
      socket.on('data', (chunk) => {
        text += String(chunk);
        if (text.includes('PING')) done();
      });
      socket.write('ping');
    });
    sent.end();
  });
}

function policy(spec: string): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p}
spec: {selector: {matchLabels: {app: db}}, ${spec}}
`;
}

describe('a TCP service through CONNECT', () => {
  it.each(['db:5432', 'db.default:5432', 'db.default.svc.cluster.local:5432'])('%s', async (authority) => {
    await mesh.apply('');
    expect(await tunnel(authority)).toEqual({ status: 200, text: 'hello\nPING' });
  });

  it('knows no other port and no other host', async () => {
    await mesh.apply('');
    expect((await tunnel('db:1')).status).toBeGreaterThanOrEqual(400);
    expect((await tunnel('nobody:5432')).status).toBeGreaterThanOrEqual(400);
  });

  it('goes over mTLS, so that STRICT takes it', async () => {
    await mesh.apply(`apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {mtls: {mode: STRICT}}
`);
    expect((await tunnel('db:5432')).text).toContain('PING');
    expect(entrance).toBeGreaterThan(0);
  });

  /** Policy, and whether the bytes pass. */
  it.each([
    ['action: DENY, rules: [{from: [{source: {namespaces: [default]}}]}]', false],
    ['action: DENY, rules: [{from: [{source: {namespaces: [other]}}]}]', true],
    ['rules: [{from: [{source: {principals: ["cluster.local/ns/default/sa/client"]}}]}]', true],
    ['rules: [{from: [{source: {principals: ["cluster.local/ns/default/sa/db"]}}]}]', false],
    ['rules: [{when: [{key: source.ip, values: [127.0.0.1]}]}]', true],
    // What only HTTP has is nowhere on a TCP connection: ALLOW matches nothing, DENY applies without it.
    ['rules: [{to: [{operation: {methods: [GET]}}]}]', false],
    ['action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]', false],
  ])('policy {%s}: %s', async (spec, passes) => {
    await mesh.apply(policy(spec));
    expect((await tunnel('db:5432')).text.includes('PING')).toBe(passes);
  });
});
