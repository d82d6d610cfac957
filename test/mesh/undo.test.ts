import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getJson } from '../../cli/mesh/http.js';
import type { Changes } from '../../common/observe/changes.js';
import type { MeshState } from '../../common/observe/mesh-state.js';
import { weft } from '../support/demo-process.js';
import { all, FieldMesh, routes, serviceOf } from '../support/field-mesh.js';

const DENY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody}
spec: {selector: {matchLabels: {app: stock}}}
`;

const field = new FieldMesh();
beforeAll(async () => {
  const workloads = ['client', 'shop', 'stock'].map((name) => ({ name, labels: { app: name } }));
  await field.start(workloads, { 'services.yaml': all(serviceOf('shop'), serviceOf('stock')), 'deny.yaml': DENY });
});
afterAll(() => field.dispose());

const api = <T>(path: string): Promise<T> => getJson<T>(`${field.mesh.controlPlane().debugUrl}/api/${path}`);

async function run(...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [weft, ...args, '--state', field.mesh.state])).stdout;
}

async function answers(host: string, status: number): Promise<void> {
  await field.mesh.until(`${status} of ${host}`, async () => {
    const answer = await field.call({ host });
    if (answer.status !== status) throw new Error(`${answer.status} ${answer.body}`);
  });
}

async function crash(): Promise<void> {
  const gone = new Promise((resolve) => field.mesh.process('control-plane').once('exit', resolve));
  field.mesh.process('control-plane').kill('SIGKILL');
  await gone;
  field.mesh.startControlPlane();
  await field.mesh.until('the control plane again', () => api<MeshState>('state'));
}

describe('a bad change is undone', () => {
  it('goes back at once, stays there over a restart, and follows again', async () => {
    await field.apply(routes('[{route: [{destination: {host: shop}}]}]'));
    await answers('shop', 200);
    const { versions } = await api<Changes>('changes');
    const good = versions[0]?.version ?? '';
    field.mesh.write(
      'case.yaml',
      routes('[{fault: {abort: {httpStatus: 555, percentage: {value: 100}}}, route: [{destination: {host: shop}}]}]'),
    );
    await answers('shop', 555);
    const after = await api<Changes>('changes');
    expect(after.versions[0]?.objects.map(({ kind, change }) => `${kind} ${change}`)).toContain(
      'VirtualService modified',
    );
    expect(after.versions[0]?.objects.map(({ diff }) => diff).join('')).toMatch(/\+.*555/);
    await field.mesh.until('every proxy', async () => {
      const [newest] = (await api<Changes>('changes')).versions;
      expect([newest?.acknowledged, newest?.proxies]).toEqual([3, 3]);
    });

    expect(await run('rollback', good.slice(0, 8))).toContain('VirtualService default/for-shopx is another there');
    await answers('shop', 200);
    expect(await run('history')).toContain(`${good} *`);
    await crash();
    await answers('shop', 200);
    expect(await api<MeshState>('state')).toMatchObject({ version: good, rollback: { version: good } });
    // What was before the restart can still be asked for.
    const past = (await api<Changes>('changes')).versions;
    for (const { version, time, objects } of after.versions)
      expect(past.find((one) => one.time === time)).toMatchObject({ version, objects });

    expect(await run('resume')).toContain(`Left version ${good}`);
    await answers('shop', 555);
    expect((await api<MeshState>('state')).rollback).toBeUndefined();
  });

  it('bypasses a workload that a policy closed, over a restart too, until that is lifted', async () => {
    await answers('stock', 403);
    expect(await run('bypass', 'stock.default', '--no-mtls')).toContain('stock.default: plain pass-through, no mTLS');
    await answers('stock', 200);
    await crash();
    await answers('stock', 200);
    await run('bypass', 'stock.default', '--lift');
    await answers('stock', 403);
    await run('bypass', 'default');
    await answers('stock', 200);
    await answers('shop', 200);
    await run('bypass', 'default', '--lift');
    await answers('stock', 403);
    await answers('shop', 555);
    await run('bypass', 'stock', '--for', '1s');
    await answers('stock', 403);
    expect((await api<MeshState>('state')).bypasses).toEqual([]);
  });
});
