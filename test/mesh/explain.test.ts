import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getJson } from '../../cli/mesh/http.js';
import type { Explanation } from '../../common/observe/explanation.js';
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

const field = new FieldMesh();
beforeAll(async () => {
  const workloads = [
    { name: 'client', labels: { app: 'client' } },
    { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
    { name: 'shop-v2', labels: { app: 'shop', version: 'v2' } },
  ];
  await field.start(workloads, { 'services.yaml': serviceOf('shop'), 'rules.yaml': RULES });
});
afterAll(() => field.dispose());

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
