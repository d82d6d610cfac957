import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../cli/demo/free-ports.js';
import { getJson } from '../../cli/mesh/http.js';
import type { Explanation } from '../../common/observe/explanation.js';
import { TestCa } from '../../proxy/tls/testing.js';
import { weft } from '../support/demo-process.js';
import { all, FieldMesh, routes, rule, serviceOf } from '../support/field-mesh.js';

const RULES = all(
  rule('subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]'),
  routes(
    '[{match: [{headers: {end-user: {exact: jason}}}], route: [{destination: {host: shop, subset: v2}}], timeout: 3s, ' +
      'retries: {attempts: 2, retryOn: 5xx}}, ' +
      '{match: [{headers: {end-user: {exact: eve}}}], fault: {abort: {httpStatus: 555, percentage: {value: 100}}}, ' +
      'route: [{destination: {host: shop, subset: v1}}]}, {route: [{destination: {host: shop, subset: v1}}]}]',
  ),
  `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-posts}
spec: {selector: {matchLabels: {app: shop}}, action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]}
`,
);

/** A gateway on two ports, one of which ends TLS with the certificate of Secret `cert`, and a database. */
function more(http: number, https: number, database: number): string {
  const { certificateChain, privateKey } = ca.issue('https://shop.example');
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return all(
    `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: edge, annotations: {inject.istio.io/templates: gateway}}
spec: {address: 127.0.0.1, ports: {http: ${http}, https: ${https}}, serviceAccount: edge, labels: {app: edge}}
`,
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: edge}
spec:
  hosts: [edge.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: https, protocol: HTTPS}]
  workloadSelector: {labels: {app: edge}}
`,
    `apiVersion: v1
kind: Secret
metadata: {name: cert, namespace: default}
type: kubernetes.io/tls
data: {tls.crt: ${base64(certificateChain)}, tls.key: ${base64(privateKey)}}
`,
    `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {app: edge}
  servers:
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example]}
    - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example], tls: {mode: SIMPLE, credentialName: cert}}
`,
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge}
spec:
  hosts: [shop.example]
  gateways: [edge]
  http: [{match: [{uri: {prefix: /x}}], route: [{destination: {host: shop.default.svc.cluster.local}}]}]
`,
    `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin}
spec: {selector: {matchLabels: {app: edge}}, action: DENY, rules: [{to: [{operation: {paths: [/x/admin]}}]}]}
`,
    `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: db, annotations: {sidecar.istio.io/inject: "false"}}
spec: {address: 127.0.0.1, ports: {tcp-db: ${database}}, labels: {app: db}}
`,
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db}
spec:
  hosts: [db.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp-db, protocol: TCP}]
  workloadSelector: {labels: {app: db}}
`,
  );
}

const ca = new TestCa();
const database = createServer((socket) => socket.on('error', () => {}).end('hello'));
let [http, https] = [0, 0];

const field = new FieldMesh();
beforeAll(async () => {
  await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve));
  [http = 0, https = 0] = await freePorts(2);
  const workloads = [
    { name: 'client', labels: { app: 'client' } },
    { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
    { name: 'shop-v2', labels: { app: 'shop', version: 'v2' } },
  ];
  await field.start(workloads, {
    'services.yaml': serviceOf('shop'),
    'rules.yaml': RULES,
    'more.yaml': more(http, https, (database.address() as AddressInfo).port),
  });
  await field.mesh.startSidecar('edge');
  await field.mesh.until('the gateway', async () => {
    expect((await curl('https', '/x')).status).toBe(200);
  });
});
afterAll(async () => {
  database.close();
  await field.dispose();
});

/** What a client outside of the mesh gets of the gateway; status 0 for a connection that comes to nothing. */
async function curl(scheme: string, path: string, host = 'shop.example'): Promise<{ status: number }> {
  const [usual, port] = scheme === 'https' ? [443, https] : [80, http];
  const to = `${host}:${usual}:127.0.0.1:${port}`;
  const args = [
    '-sk',
    '-m',
    '5',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    '--connect-to',
    to,
    `${scheme}://${host}${path}`,
  ];
  const { stdout } = await promisify(execFile)('curl', args).catch((error: { stdout: string }) => error);
  return { status: Number(stdout) };
}

async function ask(from: string, url: string): Promise<Explanation> {
  const query = new URLSearchParams({ from, url });
  return getJson<Explanation>(`${field.mesh.controlPlane().debugUrl}/api/explain?${query}`);
}

function explain(method: string, headers: Readonly<Record<string, string>>): Promise<Explanation> {
  const query = new URLSearchParams({ from: 'default/client', url: 'http://shop/x', method });
  for (const [name, value] of Object.entries(headers)) query.append('header', `${name}: ${value}`);
  return getJson<Explanation>(`${field.mesh.controlPlane().debugUrl}/api/explain?${query}`);
}

describe('explain agrees with what a request then gets', () => {
  it.each([
    { method: 'GET', headers: { 'end-user': 'jason' }, status: 200, app: 'shop-v2', verdict: 'allowed' },
    { method: 'GET', headers: {}, status: 200, app: 'shop-v1', verdict: 'allowed' },
    { method: 'GET', headers: { 'end-user': 'eve' }, status: 555, app: undefined, verdict: 'fails' },
    { method: 'POST', headers: {}, status: 403, app: undefined, verdict: 'refused' },
  ])('$method as $headers is $verdict', async ({ method, headers, status, app, verdict }) => {
    const told = await explain(method, headers);
    const got = await field.call({ host: 'shop', path: '/x', method, headers });
    expect([got.status, got.seen?.name]).toEqual([status, app]);
    expect(told, JSON.stringify(told)).toMatchObject({ verdict, notes: [] });
    if (app !== undefined) expect(told.summary).toContain(app);
    if (status === 555) expect(told.summary).toContain('555');
    if (status === 403) {
      expect(told.steps.at(-1)?.objects).toEqual([
        { kind: 'AuthorizationPolicy', namespace: 'default', name: 'no-posts' },
      ]);
    }
  });

  it.each([
    ['http', '/x', 'shop.example', 200, 'allowed', 'shop-v1'],
    ['https', '/x', 'shop.example', 200, 'allowed', 'TLS ends here, SIMPLE'],
    ['https', '/x/admin', 'shop.example', 403, 'refused', 'no-admin'],
    ['https', '/other', 'shop.example', 404, 'fails', 'No route matches'],
    ['https', '/x', 'other.example', 0, 'fails', 'None takes it'],
  ])('at a gateway: %s %s of %s gets %i', async (scheme, path, host, status, verdict, said) => {
    const told = await ask('gateway/edge', `${scheme}://${host}${path}`);
    expect([(await curl(scheme, path, host)).status, told.verdict], JSON.stringify(told)).toEqual([status, verdict]);
    expect(JSON.stringify(told)).toContain(said);
    if (said.startsWith('TLS')) expect(JSON.stringify(told)).toContain('for https://shop.example, good until');
  });

  it.each([
    ['db:5432', 200, 'allowed', 'db'],
    // Something outside may listen there.
    ['db:1', 503, 'unknown', 'PassthroughCluster'],
  ])('over TCP to %s', async (authority, status, verdict, where) => {
    const told = await ask('client', `tcp://${authority}`);
    const port = (await field.mesh.workload('client')).sidecar?.outbound ?? 0;
    const got = await new Promise<number>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method: 'CONNECT', path: authority, agent: false });
      const done = (answer: { statusCode?: number | undefined }): void => resolve(answer.statusCode ?? 0);
      sent.on('connect', (answer, socket) => {
        socket.destroy();
        done(answer);
      });
      sent.on('response', done).on('error', reject).end();
    });
    expect(told.verdict, JSON.stringify(told)).toBe(verdict);
    expect(told.summary).toContain(where);
    if (status === 200) expect(got).toBe(200);
    else expect(got).toBeGreaterThanOrEqual(400);
  });

  it('says it as a person reads it', async () => {
    const args = ['explain', 'client', 'http://shop/x', '-H', 'end-user: jason', '--state', field.mesh.state];
    const { stdout } = await promisify(execFile)(process.execPath, [weft, ...args]);
    expect(stdout).toMatch(/^ALLOWED: .*shop-v2/);
    expect(stdout).toContain('VirtualService default/for-shopx');
    expect(stdout).toContain('subset v2, 100 %');
    expect(stdout).toContain('Timeout: 3000 ms');
    expect(stdout).toContain('Up to 2 retries');
    expect(stdout).toContain('Let in at port');
    expect(stdout).toContain('by mTLS');
  });
});
