import { CoordinationV1Api, CoreV1Api, type V1Secret } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { splitCertificates } from '../../common/identity/pem.js';
import type { CaReport } from '../../control-plane/ca/report.js';
import { installDefinitions } from '../support/definitions.js';
import { skipWithoutKubernetes, startTestCluster, type TestCluster } from '../support/kubernetes.js';
import { Replica } from '../support/replica.js';

const PATIENCE = { timeout: 45_000, interval: 100 };
const SECRET = { name: 'weft-ca-secret', namespace: 'istio-system' };

describe.skipIf(skipWithoutKubernetes())('rotation of the root in a cluster', () => {
  let cluster: TestCluster;
  let core: CoreV1Api;
  const replicas: Replica[] = [];
  const start = (name: string, settle: string): Replica => {
    const replica = new Replica(name, cluster.kubeconfigPath, ['--rotation-settle', settle]);
    replicas.push(replica);
    return replica;
  };
  const rootsIn = async (namespace: string): Promise<string[]> => {
    const { data } = await core.readNamespacedConfigMap({ name: 'istio-ca-root-cert', namespace });
    return splitCertificates(data?.['root-cert.pem'] ?? '');
  };
  const secret = (): Promise<V1Secret> => core.readNamespacedSecret(SECRET);
  const report = async (replica: Replica): Promise<CaReport> =>
    (await (await replica.get('/debug/ca')).json()) as CaReport;
  const ask = async (id: string, action: string): Promise<void> => {
    const annotations = { 'weft/rotate-root': JSON.stringify({ id, action }) };
    await core.patchNamespacedSecret({
      ...SECRET,
      body: [{ op: 'add', path: '/metadata/annotations', value: annotations }],
    });
  };

  beforeAll(async () => {
    cluster = await startTestCluster();
    core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    await installDefinitions(cluster);
    await cluster.createNamespaces('istio-system', 'apps');
  });

  afterEach(async () => {
    await Promise.all(replicas.splice(0).map((replica) => replica.end('SIGKILL')));
    await cluster.kubeConfig
      .makeApiClient(CoordinationV1Api)
      .deleteNamespacedLease({ name: 'weft-leader', namespace: 'istio-system' })
      .catch(() => {});
  });

  afterAll(() => cluster?.stop());

  it('is kept in the Secret, goes on at another leader, and reaches every namespace', async () => {
    const first = start('a', '10m');
    await expect.poll(() => rootsIn('apps').catch(() => []), PATIENCE).toHaveLength(1);
    const [old] = await rootsIn('apps');
    await ask('one', 'start');
    await expect.poll(() => rootsIn('apps'), PATIENCE).toHaveLength(2);
    const { rotation, lastRequest } = await report(first);
    expect([rotation?.step, lastRequest]).toEqual(['trust', { id: 'one', problem: '' }]);
    await expect.poll(async () => (await secret()).metadata?.annotations ?? {}, PATIENCE).toEqual({});
    await first.end('SIGKILL');
    await cluster.kubeConfig
      .makeApiClient(CoordinationV1Api)
      .deleteNamespacedLease({ name: 'weft-leader', namespace: 'istio-system' });
    const second = start('b', '5s');
    await expect
      .poll(async () => (await report(second)).rotation, PATIENCE)
      .toMatchObject({ id: rotation?.id, step: 'sign' });
    await expect.poll(async () => (await report(second)).rotation, PATIENCE).toBeUndefined();
    await expect.poll(() => rootsIn('apps'), PATIENCE).toHaveLength(1);
    expect((await rootsIn('apps'))[0]).not.toBe(old);
    expect(Object.keys((await secret()).data ?? {}).sort()).toEqual(['ca-cert.pem', 'ca-key.pem', 'root-cert.pem']);
  });

  it('is called off by the same way, and refused where none is under way', async () => {
    const replica = start('c', '10m');
    await expect.poll(() => rootsIn('apps').catch(() => []), PATIENCE).toHaveLength(1);
    const before = await rootsIn('apps');
    await ask('two', 'start');
    await expect.poll(async () => (await report(replica)).rotation?.step, PATIENCE).toBe('trust');
    await ask('three', 'abort');
    await expect.poll(() => rootsIn('apps'), PATIENCE).toEqual(before);
    await ask('four', 'abort');
    await expect
      .poll(async () => (await report(replica)).lastRequest, PATIENCE)
      .toEqual({ id: 'four', problem: 'no rotation is under way' });
  });
});
