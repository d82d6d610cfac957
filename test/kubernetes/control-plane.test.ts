import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { CoordinationV1Api, CoreV1Api, CustomObjectsApi } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { splitCertificates } from '../../common/identity/pem.js';
import { installDefinitions } from '../support/definitions.js';
import { skipWithoutKubernetes, startTestCluster, type TestCluster } from '../support/kubernetes.js';
import { type AdsProbe, type Caller, openAds, requestCertificate } from '../support/mesh-calls.js';
import { Replica } from '../support/replica.js';

const PATIENCE = { timeout: 45_000, interval: 100 };
const BUNDLE = 'istio-ca-root-cert';
const REVIEWS = 'spiffe://cluster.local/ns/apps/sa/reviews';
const OBJECTS = `
apiVersion: v1
kind: Pod
metadata: { name: reviews-1, namespace: apps, labels: { app: reviews, security.istio.io/tlsMode: istio } }
spec: { serviceAccountName: reviews, containers: [{ name: app, image: none }, { name: istio-proxy, image: none }] }
---
apiVersion: v1
kind: Pod
metadata: { name: ratings-1, namespace: apps }
spec: { serviceAccountName: reviews, containers: [{ name: app, image: none }] }
---
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: apps }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: good, namespace: apps }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: lost, namespace: apps }
spec: { hosts: [reviews.example], http: [{ route: [{ destination: { host: nowhere } }] }] }
`;

describe.skipIf(skipWithoutKubernetes())('the control plane in a cluster', () => {
  let cluster: TestCluster;
  let core: CoreV1Api;
  const replicas: Replica[] = [];
  const probes: AdsProbe[] = [];

  const start = (name: string, ...args: string[]): Replica => {
    const replica = new Replica(name, cluster.kubeconfigPath, args);
    replicas.push(replica);
    return replica;
  };
  const bundleOf = async (namespace: string): Promise<string | undefined> =>
    (await core.readNamespacedConfigMap({ name: BUNDLE, namespace })).data?.['root-cert.pem'];
  const podToken = async (pod: string, options: { audience?: string } = {}): Promise<string> => {
    const { metadata } = await core.readNamespacedPod({ name: pod, namespace: 'apps' });
    const bound = { name: pod, uid: metadata?.uid ?? '' };
    return cluster.token('apps', 'reviews', { audiences: [options.audience ?? 'istio-ca'], pod: bound });
  };
  const caller = async (replica: Replica, token: string | undefined): Promise<Caller> => ({
    address: await replica.xdsAddress(),
    roots: (await bundleOf('apps')) ?? '',
    token,
  });
  const statusOf = async (
    plural: string,
    name: string,
  ): Promise<{
    conditions?: { type: string; status: string; reason: string; message: string; observedGeneration: number }[];
  }> => {
    const custom = cluster.kubeConfig.makeApiClient(CustomObjectsApi);
    const object: { status?: object } = await custom.getNamespacedCustomObject({
      group: 'networking.istio.io',
      version: 'v1',
      namespace: 'apps',
      plural,
      name,
    });
    return object.status ?? {};
  };

  beforeAll(async () => {
    cluster = await startTestCluster();
    core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    await installDefinitions(cluster);
    await cluster.createNamespaces('istio-system', 'apps');
    await cluster.token('apps', 'reviews');
    await cluster.apply(OBJECTS);
  });

  afterEach(async () => {
    for (const probe of probes.splice(0)) probe.close();
    await Promise.all(replicas.splice(0).map((replica) => replica.end('SIGKILL')));
    await cluster.kubeConfig
      .makeApiClient(CoordinationV1Api)
      .deleteNamespacedLease({ name: 'weft-leader', namespace: 'istio-system' })
      .catch(() => {});
  });

  afterAll(() => cluster?.stop());

  it('makes one root however many replicas start at once, and every replica signs below it', async () => {
    const both = [start('a'), start('b'), start('c')];
    await Promise.all(both.map((replica) => replica.xdsAddress()));
    await expect.poll(() => bundleOf('apps').catch(() => ''), PATIENCE).toContain('BEGIN CERTIFICATE');
    const secret = await core.readNamespacedSecret({ name: 'weft-ca-secret', namespace: 'istio-system' });
    const root = Buffer.from(secret.data?.['ca-cert.pem'] ?? '', 'base64').toString();
    expect(await bundleOf('apps')).toBe(root);
    expect(both.filter((replica) => replica.leads())).toHaveLength(1);
    const token = await podToken('reviews-1');
    for (const replica of both) {
      const [leaf = '', last] = await requestCertificate(await caller(replica, token), REVIEWS);
      expect(last).toBe(root);
      expect(new X509Certificate(leaf).subjectAltName).toBe(`URI:${REVIEWS}`);
      expect((await replica.get('/ready')).status).toBe(200);
    }
    for (const { log } of both) expect(log.join('\n')).not.toContain(token);
  });

  it('hands over when the leader is told to go, and when it dies', async () => {
    const [first, second] = [start('a'), start('b')];
    await Promise.all([first.xdsAddress(), second.xdsAddress()]);
    await expect.poll(() => [first.leads(), second.leads()].filter(Boolean).length, PATIENCE).toBe(1);
    const [leader, follower] = first.leads() ? [first, second] : [second, first];
    expect(await leader.end('SIGTERM')).toBe(0);
    await follower.said('this control plane leads', 10_000);
    const third = start('c');
    await third.xdsAddress();
    await follower.end('SIGKILL');
    await third.said('this control plane leads', 40_000);
  });

  it('puts the trust bundle right when it is edited or deleted, and into new namespaces', async () => {
    await start('a').xdsAddress();
    await expect.poll(() => bundleOf('apps').catch(() => ''), PATIENCE).toContain('BEGIN CERTIFICATE');
    const right = await bundleOf('apps');
    await cluster.createNamespaces('later');
    await expect.poll(() => bundleOf('later').catch(() => ''), PATIENCE).toBe(right);
    await core.deleteNamespacedConfigMap({ name: BUNDLE, namespace: 'later' });
    await expect.poll(() => bundleOf('later').catch(() => ''), PATIENCE).toBe(right);
    await core.replaceNamespacedConfigMap({
      name: BUNDLE,
      namespace: 'apps',
      body: { metadata: { name: BUNDLE }, data: { 'root-cert.pem': 'mine', more: 'kept' } },
    });
    await expect.poll(() => bundleOf('apps').catch(() => ''), PATIENCE).toBe(right);
    expect((await core.readNamespacedConfigMap({ name: BUNDLE, namespace: 'apps' })).data?.['more']).toBe('kept');
  });

  it('puts the root back when somebody deletes it: another one would cut off who trusts it', async () => {
    await start('a').xdsAddress();
    const root = async (): Promise<string | undefined> =>
      (await core.readNamespacedSecret({ name: 'weft-ca-secret', namespace: 'istio-system' })).data?.['ca-cert.pem'];
    const before = await root();
    await core.deleteNamespacedSecret({ name: 'weft-ca-secret', namespace: 'istio-system' });
    await expect.poll(() => root().catch(() => 'gone'), PATIENCE).toBe(before);
  });

  it('gives certificates and configuration to pods, and only their own', async () => {
    const replica = start('a');
    await replica.xdsAddress();
    await expect.poll(() => bundleOf('apps').catch(() => ''), PATIENCE).toContain('BEGIN CERTIFICATE');
    const good = await caller(replica, await podToken('reviews-1'));
    const node = { pod: 'reviews-1', namespace: 'apps', account: 'reviews' };
    const probe = openAds(good, node);
    probes.push(probe);
    await expect
      .poll(() => [...probe.clusters].join(), PATIENCE)
      .toContain('outbound|9080||reviews.apps.svc.cluster.local');
    const refused: [string, Promise<{ code: number; details: string }>, status, RegExp][] = [
      ['no token', openAds({ ...good, token: undefined }, node).ended, status.UNAUTHENTICATED, /no bearer token/],
      [
        'another audience',
        openAds({ ...good, token: await podToken('reviews-1', { audience: 'api' }) }, node).ended,
        status.UNAUTHENTICATED,
        /API server refuses/,
      ],
      ['nonsense', openAds({ ...good, token: 'a.b.c' }, node).ended, status.UNAUTHENTICATED, /API server refuses/],
      [
        "another pod's token",
        openAds({ ...good, token: await podToken('ratings-1') }, node).ended,
        status.PERMISSION_DENIED,
        /token of the pod apps\/ratings-1/,
      ],
      [
        'another namespace',
        openAds(good, { ...node, namespace: 'later' }).ended,
        status.PERMISSION_DENIED,
        /does not fit/,
      ],
    ];
    for (const [what, ended, code, reason] of refused) {
      const error = await ended;
      expect([what, error.code]).toEqual([what, code]);
      expect(error.details).toMatch(reason);
    }
    await expect(requestCertificate(good, 'spiffe://cluster.local/ns/apps/sa/admin')).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
    await expect(
      requestCertificate({ ...good, token: await podToken('reviews-1', { audience: 'api' }) }, REVIEWS),
    ).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
    const syncz = await (await replica.get('/debug/syncz')).text();
    expect(syncz).toContain('"workload": "reviews-1"');
    const metrics = await (await replica.get('/metrics')).text();
    expect(metrics).toMatch(/^pilot_xds\{data_plane="weft"\} 1$/m);
    expect(metrics).toMatch(/^citadel_server_authentication_failure_count [1-9]/m);
  });

  it('refuses the token of a pod that is gone', async () => {
    const replica = start('a');
    await replica.xdsAddress();
    await cluster.apply(
      'apiVersion: v1\nkind: Pod\nmetadata: {name: short, namespace: apps}\nspec: {serviceAccountName: reviews, containers: [{name: app, image: none}]}',
    );
    const token = await podToken('short');
    await core.deleteNamespacedPod({ name: 'short', namespace: 'apps', gracePeriodSeconds: 0 });
    await expect
      .poll(
        () =>
          core.readNamespacedPod({ name: 'short', namespace: 'apps' }).then(
            () => 'there',
            () => 'gone',
          ),
        PATIENCE,
      )
      .toBe('gone');
    await expect(requestCertificate(await caller(replica, token), REVIEWS)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
  });

  it('sends proxies away when it stops, and answers to every name of its Service', async () => {
    const replica = start('a');
    const good = await caller(replica, await podToken('reviews-1'));
    for (const serverName of ['weft-control-plane.istio-system.svc.cluster.local', 'istiod.istio-system.svc']) {
      expect(await requestCertificate({ ...good, serverName }, REVIEWS)).toHaveLength(2);
    }
    const probe = openAds(good, { pod: 'reviews-1', namespace: 'apps', account: 'reviews' });
    probes.push(probe);
    await expect.poll(() => probe.responses(), PATIENCE).toBeGreaterThan(0);
    const ended = replica.end('SIGTERM');
    expect((await probe.ended).code).toBe(status.UNAVAILABLE);
    expect(await ended).toBe(0);
  });

  it('says in each object what became of it, and pushes nothing for that', async () => {
    const replica = start('a');
    const good = await caller(replica, await podToken('reviews-1'));
    await expect
      .poll(async () => (await statusOf('virtualservices', 'good')).conditions, PATIENCE)
      .toMatchObject([{ type: 'Programmed', status: 'True', reason: 'Programmed', observedGeneration: 1 }]);
    await expect
      .poll(async () => (await statusOf('virtualservices', 'lost')).conditions, PATIENCE)
      .toMatchObject([
        { type: 'Programmed', status: 'True' },
        { type: 'ResolvedRefs', status: 'False', reason: 'NotFound', message: expect.stringContaining('nowhere') },
      ]);
    const probe = openAds(good, { pod: 'reviews-1', namespace: 'apps', account: 'reviews' });
    probes.push(probe);
    await expect.poll(() => probe.responses(), PATIENCE).toBeGreaterThan(0);
    const builds = async (): Promise<number> =>
      Number(/^pilot_push_triggers\{type="config"\} (\d+)$/m.exec(await (await replica.get('/metrics')).text())?.[1]);
    const before = await builds();
    await cluster.apply(
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: lost, namespace: apps}\nspec: {hosts: [reviews.example], http: [{route: [{destination: {host: reviews}}]}]}',
    );
    await expect
      .poll(async () => (await statusOf('virtualservices', 'lost')).conditions, PATIENCE)
      .toMatchObject([{ type: 'Programmed', status: 'True', observedGeneration: 2 }]);
    expect(await builds()).toBe(before + 1);
  });

  it('takes over the authority that the user brings, without a restart', async () => {
    const replica = start('a');
    const token = await podToken('reviews-1');
    const own = await caller(replica, token);
    await requestCertificate(own, REVIEWS);
    const { makeRoot } = await import('../../control-plane/ca/root.js');
    const { privateKeyPem } = await import('../../common/identity/keys.js');
    const { systemClock } = await import('../../common/runtime/clock.js');
    const { privateKey, pem } = await makeRoot({ organization: 'acme' }, systemClock);
    const secret = (data: Record<string, string>): Promise<unknown> =>
      core
        .createNamespacedSecret({
          namespace: 'istio-system',
          body: { metadata: { name: 'cacerts' }, stringData: data },
        })
        .catch(() =>
          core.patchNamespacedSecret({ name: 'cacerts', namespace: 'istio-system', body: { stringData: data } }),
        );
    await secret({ 'ca-cert.pem': pem, 'ca-key.pem': 'nothing', 'root-cert.pem': pem });
    await replica.said('the authority cannot be used');
    expect(replica.log.join('\n')).toContain('ca-key.pem is no private key in PEM');
    expect(splitCertificates((await requestCertificate(own, REVIEWS)).at(-1) ?? '')[0]).toBe(own.roots);
    await core.deleteNamespacedSecret({ name: 'cacerts', namespace: 'istio-system' });
    await secret({ 'ca-cert.pem': pem, 'ca-key.pem': privateKeyPem(privateKey), 'root-cert.pem': pem });
    await expect.poll(() => bundleOf('apps'), PATIENCE).toBe(pem);
    await expect
      .poll(async () => (await requestCertificate({ ...own, roots: pem }, REVIEWS).catch(() => [])).at(-1), PATIENCE)
      .toBe(pem);
    await core.deleteNamespacedSecret({ name: 'cacerts', namespace: 'istio-system' });
  });
});
