import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { weft } from '../support/demo-process.js';
import { FieldMesh, serviceOf } from '../support/field-mesh.js';

const mesh = new FieldMesh();
let inbound = 0;
let admin = '';

const POLICIES = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: default}
spec:
  selector: {matchLabels: {app: shop}}
  rules:
    - from: [{source: {principals: [cluster.local/ns/default/sa/reader]}}]
      to: [{operation: {methods: [GET]}}]
    - to: [{operation: {paths: [/public/*]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: default}
spec:
  selector: {matchLabels: {app: shop}}
  action: DENY
  rules: [{to: [{operation: {paths: [/admin*]}}]}]
`;

beforeAll(async () => {
  await mesh.start(
    [
      { name: 'reader', labels: { app: 'reader' }, account: 'reader' },
      { name: 'writer', labels: { app: 'writer' }, account: 'writer' },
      { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
      { name: 'bare', labels: { app: 'bare' }, sidecar: false },
    ],
    { 'services.yaml': serviceOf('shop') },
    POLICIES,
  );
  const { sidecar, address } = await mesh.mesh.workload('shop-v1');
  inbound = sidecar?.inbound[mesh.app('shop-v1').port] ?? 0;
  admin = `http://${address}:${sidecar?.admin}`;
}, 60_000);
afterAll(() => mesh.dispose());

/** `weft …` about this mesh, with its exit code. */
function command(...args: readonly string[]): { readonly status: number | null; readonly out: string } {
  const all = [weft, ...args, '--state', mesh.mesh.state];
  const { stdout, stderr, status } = spawnSync(process.execPath, all, { encoding: 'utf8', timeout: 60_000 });
  return { status, out: status === 0 || stdout !== '' ? stdout : stderr };
}

/** A request without mTLS straight to the sidecar of the shop. */
function plaintext(method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: inbound, method, path, headers: { host: 'shop' } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end();
  });
}

it('check lists the rules in force, and explain says of a request what it gets', async () => {
  const rules = command('authz', 'check', 'shop-v1').out;
  expect(rules).toMatch(/DENY\s+\S*no-admin/);
  expect(rules).toMatch(/ALLOW\s+\S*readers/);
  for (const [from, method, path] of [
    ['reader', 'GET', '/a'],
    ['reader', 'PUT', '/a'],
    ['writer', 'GET', '/a'],
    ['writer', 'PUT', '/public/a'],
    ['reader', 'GET', '/admin'],
    ['plaintext', 'GET', '/a'],
    ['plaintext', 'GET', '/public/a'],
  ] as const) {
    const got =
      from === 'plaintext'
        ? await plaintext(method, path)
        : (await mesh.call({ host: 'shop', from, method, path })).status;
    const { status, out } = command('authz', 'explain', '--from', from, '--to', 'shop-v1', method, path, '-o', 'json');
    const decisions = (JSON.parse(out) as { decision: string }[]).map(({ decision }) => decision);
    expect([from, method, path, new Set(decisions), status]).toEqual([
      from,
      method,
      path,
      new Set([got === 200 ? 'allowed' : 'denied']),
      got === 200 ? 0 : 1,
    ]);
  }
}, 60_000);

it('a denial is explained in the log, and not to the client', async () => {
  await fetch(`${admin}/logging?level=debug`, { method: 'POST' });
  const { status, body } = await mesh.call({ host: 'shop', from: 'reader', path: '/admin' });
  expect([status, body]).toEqual([403, 'RBAC: access denied']);
  await mesh.mesh.until('the reason', () => {
    const line = mesh.mesh.log.find((one) => one.includes('request refused'));
    if (line === undefined) return Promise.reject(new Error('nothing is logged'));
    expect(line).toContain('rbac_access_denied_matched_policy[ns[default]-policy[no-admin]-rule[0]]');
    return Promise.resolve();
  });
});

it('tls-check and migrate-check tell what STRICT would break, and then what it breaks', async () => {
  await plaintext('GET', '/public/a');
  const migrate = command('authn', 'migrate-check', 'default', '-o', 'json');
  const report = JSON.parse(migrate.out) as { plaintext: { workload: string; connections: number }[] };
  expect(report.plaintext).toContainEqual(expect.objectContaining({ workload: 'shop-v1' }));
  expect(migrate.status).toBe(1);
  const to = ['--to', 'shop', '-o', 'json'] as const;
  const speaks = (from: string): readonly [string[], number | null] => {
    const { out, status } = command('authn', 'tls-check', '--from', from, ...to);
    const { pairs } = JSON.parse(out) as { pairs: { speaks: string }[] };
    return [pairs.map((pair) => pair.speaks), status];
  };
  expect(speaks('reader')).toEqual([['mTLS'], 0]);
  expect(speaks('bare')).toEqual([['plaintext'], 0]);
  await mesh.apply(`apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: default}
spec: {mtls: {mode: STRICT}}
`);
  expect(speaks('reader')).toEqual([['mTLS'], 0]);
  expect(speaks('bare')).toEqual([['broken'], 1]);
  expect(command('authn', 'tls-check', '--from', 'bare').out).toContain(
    'PeerAuthentication default/strict says STRICT',
  );
  await expect(plaintext('GET', '/public/a')).rejects.toThrow();
}, 60_000);
