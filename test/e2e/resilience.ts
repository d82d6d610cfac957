import { expect, it } from 'vitest';
import { ask, Load, share, type Tally } from './calls.js';
import { apply, kubectl, MESH, onePod, pause, pods, rolledOut, run, SYSTEM, until } from './cluster.js';

const URL = 'http://details:9080/details/0';

/** Load while something happens; every answer has to be a 200. */
async function unharmed(what: () => Promise<unknown>): Promise<Tally> {
  const load = new Load({ url: URL });
  await pause(1500);
  let problem: unknown;
  await what().catch((error: unknown) => {
    problem = error;
  });
  await pause(1500);
  const tally = await load.stop();
  if (problem !== undefined) throw problem;
  expect(tally.failures).toEqual([]);
  expect(tally.answers).toEqual({ '200': tally.total });
  expect(tally.total).toBeGreaterThan(40);
  return tally;
}

async function scaled(deployment: string, replicas: number): Promise<void> {
  await kubectl('scale', '-n', MESH, `deploy/${deployment}`, `--replicas=${replicas}`);
  await rolledOut(MESH, `deploy/${deployment}`);
}

/** Until the pods that leave are gone. */
function only(selector: string, count: number): Promise<unknown> {
  return until(`${count} pods of ${selector}`, async () => {
    const names = await kubectl('get', 'pods', '-n', MESH, '-l', selector, '-o', 'name');
    return names.split('\n').filter((name) => name !== '').length === count;
  });
}

/** Pods come and go, the control plane too, and nobody notices. */
export function resilience(): void {
  it('loses no request in a rollout', async () => {
    await unharmed(async () => {
      await kubectl('rollout', 'restart', '-n', MESH, 'deploy/details-v1');
      await rolledOut(MESH, 'deploy/details-v1');
      await only('app=details', 1);
    });
  });

  it('loses no request when pods are added, evicted and taken away', async () => {
    await unharmed(async () => {
      await scaled('details-v1', 3);
      const { name } = (await onePod('app=details')).metadata;
      const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: MESH } };
      const path = `/api/v1/namespaces/${MESH}/pods/${name}/eviction`;
      await run('kubectl', ['create', '--raw', path, '-f', '-'], JSON.stringify(eviction));
      await until('the pod gone', async () => !(await pods('app=details')).some((pod) => pod.metadata.name === name));
      await rolledOut(MESH, 'deploy/details-v1');
      await scaled('details-v1', 1);
      await only('app=details', 1);
    });
  });

  it('answers 503 while a service has no pods, and recovers by itself', async () => {
    await scaled('details-v1', 0);
    await until('503', async () => share(await ask({ url: URL, count: 10 }), /^503/) === 1);
    await scaled('details-v1', 1);
    await until('200', async () => share(await ask({ url: URL, count: 20 }), /^200/) === 1);
  });

  it('loses no request when one version goes to zero and comes back', async () => {
    const load = new Load({ url: 'http://reviews:9080/reviews/0' });
    await pause(1500);
    await scaled('reviews-v1', 0);
    await only('app=reviews,version=v1', 0);
    await scaled('reviews-v1', 1);
    await pause(2000);
    const tally = await load.stop();
    expect(tally.failures).toEqual([]);
    expect(share(tally, /^200/)).toBe(1);
  });

  it('loses no request when the control plane is restarted, and takes changes afterwards', async () => {
    await unharmed(async () => {
      await kubectl('rollout', 'restart', '-n', SYSTEM, 'deploy/weft-control-plane');
      await rolledOut(SYSTEM, 'deploy/weft-control-plane');
    });
    const fault = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: details}
spec:
  hosts: [details]
  http: [{fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, route: [{destination: {host: details}}]}]
`;
    await apply(fault);
    await until('418', async () => share(await ask({ url: URL, count: 10 }), /^418/) === 1);
    await kubectl('delete', '-n', MESH, 'vs/details');
    await until('200', async () => share(await ask({ url: URL, count: 10 }), /^200/) === 1);
  });

  it('loses no request when the control plane dies and is away for a while', async () => {
    await unharmed(async () => {
      await kubectl('scale', '-n', SYSTEM, 'deploy/weft-control-plane', '--replicas=0');
      await kubectl(
        'delete',
        'pod',
        '-n',
        SYSTEM,
        '-l',
        'app.kubernetes.io/name=weft-control-plane',
        '--grace-period=0',
        '--force',
      );
      await pause(4000);
      await kubectl('scale', '-n', SYSTEM, 'deploy/weft-control-plane', '--replicas=1');
      await rolledOut(SYSTEM, 'deploy/weft-control-plane');
    });
  });
}
