import { CoreV1Api } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipWithoutKubernetes, startTestCluster, type TestCluster, whoAmI } from '../support/kubernetes.js';

describe.skipIf(skipWithoutKubernetes())('an API server for tests', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster();
  });
  afterAll(() => cluster?.stop());

  it('takes objects, and issues tokens to accounts that have no rights', async () => {
    await cluster.createNamespaces('harness');
    await cluster.apply(
      [
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: harness}\ndata: {x: "1"}',
        'apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: harness}\nspec: {serviceAccountName: someone, containers: [{name: app, image: none}]}',
      ].join('\n---\n'),
    );
    const core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    expect((await core.readNamespacedConfigMap({ name: 'a', namespace: 'harness' })).data).toEqual({ x: '1' });

    const { metadata } = await core.readNamespacedPod({ name: 'p', namespace: 'harness' });
    await cluster.token('harness', 'someone');
    const token = await cluster.token('harness', 'someone', { pod: { name: 'p', uid: metadata?.uid ?? '' } });
    const someone = cluster.configFor(token);
    expect(await whoAmI(someone)).toBe('system:serviceaccount:harness:someone');
    await expect(someone.makeApiClient(CoreV1Api).listNamespace()).rejects.toMatchObject({ code: 403 });
  });
});
