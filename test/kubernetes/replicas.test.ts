import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { CoordinationV1Api, CoreV1Api, CustomObjectsApi } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Changes } from '../../common/observe/changes.js';
import { buildBootstrap } from '../../control-plane/debug/bootstrap.js';
import { CLUSTER_RULES, NAMESPACE_RULES } from '../../control-plane/kubernetes/permissions.js';
import { installDefinitions } from '../support/definitions.js';
import { weft } from '../support/demo-process.js';
import { skipWithoutOwnApiServer, startTestCluster, type TestCluster } from '../support/kubernetes.js';
import { type AdsProbe, openAds, requestCertificate } from '../support/mesh-calls.js';
import { MovingAddress } from '../support/moving-address.js';
import { Replica } from '../support/replica.js';

const PATIENCE = { timeout: 60_000, interval: 100 };
const NODE = { pod: 'client-1', namespace: 'apps', account: 'client' };
const CLIENT = 'spiffe://cluster.local/ns/apps/sa/client';
const WORKLOAD = {
  namespace: 'apps',
  name: 'client-1',
  address: '127.0.0.1',
  ports: new Map(),
  labels: {},
  serviceAccount: 'client',
  workloadName: 'client',
  locality: '',
  weight: 1,
  named: true,
};

/** A control plane under the account that it has in a cluster, with no rights but those of its manifests. */
describe.skipIf(skipWithoutOwnApiServer())('replicas of the control plane', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-replicas-'));
  const service = new MovingAddress();
  let cluster: TestCluster;
  let core: CoreV1Api;
  let address: string;
  let [first, second]: [Replica?, Replica?] = [];
  let sidecar: ChildProcess | undefined;
  let admin: number;
  let probe: AdsProbe | undefined;
  let kubeconfig: string;
  let token: string;

  const bundle = async (namespace: string): Promise<string> =>
    (await core.readNamespacedConfigMap({ name: 'istio-ca-root-cert', namespace })).data?.['root-cert.pem'] ?? '';
  const sidecarState = async (path: string): Promise<string> =>
    (await fetch(`http://127.0.0.1:${admin}${path}`)).text();
  const holder = async (): Promise<string> => {
    const leases = cluster.kubeConfig.makeApiClient(CoordinationV1Api);
    const lease = await leases.readNamespacedLease({ name: 'weft-leader', namespace: 'istio-system' });
    return lease.spec?.holderIdentity ?? '';
  };

  beforeAll(async () => {
    cluster = await startTestCluster();
    core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    await installDefinitions(cluster);
    await cluster.createNamespaces('istio-system', 'apps');
    const role = (kind: string, name: string, rules: object, extra: object = {}): string =>
      JSON.stringify({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind,
        metadata: { name: 'weft-control-plane', ...extra },
        ...(kind.endsWith('Binding')
          ? {
              roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: name, name: 'weft-control-plane' },
              subjects: [{ kind: 'ServiceAccount', name: 'weft-control-plane', namespace: 'istio-system' }],
            }
          : { rules }),
      });
    const own = { namespace: 'istio-system' };
    await cluster.apply(
      [
        role('ClusterRole', '', CLUSTER_RULES),
        role('ClusterRoleBinding', 'ClusterRole', {}),
        role('Role', '', NAMESPACE_RULES, own),
        role('RoleBinding', 'Role', {}, own),
        'apiVersion: v1\nkind: Service\nmetadata: {name: reviews, namespace: apps}\nspec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}',
        'apiVersion: v1\nkind: Pod\nmetadata: {name: client-1, namespace: apps}\nspec: {serviceAccountName: client, containers: [{name: app, image: none}]}',
      ].join('\n---\n'),
    );
    kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(
      kubeconfig,
      cluster.configFor(await cluster.token('istio-system', 'weft-control-plane')).exportConfig(),
      {
        mode: 0o600,
      },
    );
    const { metadata } = await core.readNamespacedPod({ name: 'client-1', namespace: 'apps' });
    await cluster.token('apps', 'client');
    const bound = { name: 'client-1', uid: metadata?.uid ?? '' };
    token = await cluster.token('apps', 'client', { audiences: ['istio-ca'], pod: bound });
    writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
    address = await service.listen();
    [first, second] = [new Replica('first', kubeconfig), new Replica('second', kubeconfig)];
    service.targets = [await first.xdsAddress(), await second.xdsAddress()];
  });

  afterAll(async () => {
    probe?.close();
    sidecar?.kill('SIGKILL');
    service.close();
    await Promise.all([first?.end('SIGKILL'), second?.end('SIGKILL')]);
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('give a real sidecar its certificate and configuration', async () => {
    await expect.poll(() => bundle('apps').catch(() => ''), PATIENCE).toContain('BEGIN');
    writeFileSync(join(folder, 'root.pem'), await bundle('apps'));
    admin = await freePort();
    const own = {
      kind: 'ports' as const,
      workload: 'apps/client-1',
      address: '127.0.0.1',
      inbound: new Map(),
      outbound: 0,
      admin,
    };
    const bootstrap = buildBootstrap(
      { ...WORKLOAD, sidecar: own },
      { trustDomain: 'cluster.local', terminationDrainMs: 1000, listenerDrainMs: 1000 } as Parameters<
        typeof buildBootstrap
      >[1],
      {
        xdsAddress: address,
        rootCertificate: join(folder, 'root.pem'),
        tokenPath: join(folder, 'token'),
        certTtlSeconds: 3600,
      },
    );
    writeFileSync(join(folder, 'sidecar.json'), JSON.stringify(bootstrap));
    sidecar = spawn(process.execPath, [weft, 'proxy', '-c', join(folder, 'sidecar.json')], { stdio: 'ignore' });
    await expect.poll(() => sidecarState('/certs').catch(() => ''), PATIENCE).toContain(CLIENT);
    await expect
      .poll(() => sidecarState('/clusters').catch(() => ''), PATIENCE)
      .toContain('reviews.apps.svc.cluster.local');
  });

  it('have one history', async () => {
    const service = (port: number): string =>
      `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: past, namespace: apps}\nspec: {hosts: [past.example], ports: [{number: ${port}, name: http, protocol: HTTP}], resolution: DNS}`;
    const history = async (replica: Replica | undefined): Promise<Changes['versions']> => {
      const answer = (await (await replica?.get('/api/changes'))?.json()) as Changes | undefined;
      return answer?.versions ?? [];
    };
    for (const port of [80, 81]) {
      await cluster.apply(service(port));
      await expect.poll(async () => JSON.stringify((await history(second))[0]), PATIENCE).toContain(`number: ${port}`);
    }
    const told = (versions: Changes['versions']): object[] => versions.map(({ version, time }) => ({ version, time }));
    await expect
      .poll(async () => {
        const [one, other] = [told(await history(first)), told(await history(second))];
        return JSON.stringify(one) === JSON.stringify(other) && one.length >= 3;
      }, PATIENCE)
      .toBe(true);
    const kept = await core.readNamespacedConfigMap({ name: 'weft-history', namespace: 'istio-system' });
    expect(kept.binaryData?.['history.json.gz']?.length).toBeGreaterThan(100);
  });

  it('take over a sidecar from one that goes', async () => {
    expect(await first?.end('SIGTERM')).toBe(0);
    await second?.said('this control plane leads');
    const proxies = async (): Promise<string> => (await second?.get('/debug/syncz'))?.text() ?? '';
    await expect.poll(proxies, PATIENCE).toContain('client-1');
    await cluster.apply(
      'apiVersion: v1\nkind: Service\nmetadata: {name: later, namespace: apps}\nspec: {selector: {app: later}, ports: [{name: http, port: 80}]}',
    );
    await expect.poll(() => sidecarState('/clusters'), PATIENCE).toContain('later.apps.svc.cluster.local');
  });

  it('have every right that they use', async () => {
    await cluster.apply(
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: last, namespace: apps}\nspec: {hosts: [last], http: [{route: [{destination: {host: last}}]}]}',
    );
    const object = { group: 'networking.istio.io', version: 'v1', namespace: 'apps', plural: 'virtualservices' };
    const custom = cluster.kubeConfig.makeApiClient(CustomObjectsApi);
    await expect
      .poll(async () => JSON.stringify(await custom.getNamespacedCustomObject({ ...object, name: 'last' })), PATIENCE)
      .toContain('"Programmed"');
    for (const replica of [first, second]) expect(replica?.log.filter((line) => /forbidden/i.test(line))).toEqual([]);
  });

  it('serve on while the API server is away, refuse nobody for good, and go on when it is back', async () => {
    const caller = { address, roots: await bundle('apps'), token };
    probe = openAds(caller, NODE);
    const { clusters, responses } = probe;
    await expect.poll(responses, PATIENCE).toBeGreaterThan(0);
    const more = await cluster.token('apps', 'client', { audiences: ['istio-ca'], expirationSeconds: 3000 });
    await cluster.stopApiServer();
    // Nobody has shown this token yet.
    const error: unknown = await requestCertificate({ ...caller, token: more }, CLIENT).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining('API server') });
    expect((await second?.get('/ready'))?.status).toBe(200);
    // Longer than a leader may go on without renewing.
    await second?.said('this control plane leads no more', 30_000);
    await cluster.startAgain();
    await expect
      .poll(
        () =>
          requestCertificate({ ...caller, token: more }, CLIENT).then(
            () => 'issued',
            () => 'refused',
          ),
        PATIENCE,
      )
      .toBe('issued');
    await cluster.createNamespaces('after');
    await expect.poll(() => bundle('after').catch(() => ''), PATIENCE).toContain('BEGIN');
    expect(await holder()).toContain('second');
    await cluster.apply(
      'apiVersion: v1\nkind: Service\nmetadata: {name: last, namespace: apps}\nspec: {selector: {app: last}, ports: [{name: http, port: 80}]}',
    );
    await expect.poll(() => [...clusters].join(), PATIENCE).toContain('last.apps.svc.cluster.local');
    expect(await sidecarState('/certs')).toContain(CLIENT);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
