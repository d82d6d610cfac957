import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ApiextensionsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  DiscoveryV1Api,
  RbacAuthorizationV1Api,
} from '@kubernetes/client-node';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { objectKey } from '../../control-plane/api/object.js';
import { KubernetesClient } from '../../control-plane/kubernetes/client.js';
import { buildSnapshot } from '../../control-plane/model/build.js';
import { capturedPods } from '../../control-plane/sources/kubernetes/capture-allotter.js';
import { KubernetesSource } from '../../control-plane/sources/kubernetes/kubernetes-source.js';
import type { ConfigSet } from '../../control-plane/sources/source.js';
import { skipWithoutKubernetes, startTestCluster, type TestCluster } from '../support/kubernetes.js';

const FOLDER = fileURLToPath(new URL('../../deploy/crds', import.meta.url));
const CRDS = readdirSync(FOLDER)
  .map((name) => readFileSync(join(FOLDER, name), 'utf8'))
  .join('\n---\n');
const SPLIT = 'trafficsplits.split.smi-spec.io';

const SPACE = 'source-test';
const virtualService = (host: string, version = 'v1') => `
apiVersion: networking.istio.io/${version}
kind: VirtualService
metadata: {name: reviews, namespace: ${SPACE}}
spec: {hosts: [${host}], http: [{route: [{destination: {host: ${host}}}]}]}`;

describe.skipIf(skipWithoutKubernetes())('configuration from a real API server', () => {
  let cluster: TestCluster;
  let source: KubernetesSource | undefined;
  let last: ConfigSet | undefined;
  let sets = 0;

  beforeAll(async () => {
    cluster = await startTestCluster();
    await cluster.createNamespaces(SPACE, 'istio-system');
  });
  afterEach(async () => {
    await source?.stop();
    source = undefined;
  });
  afterAll(() => cluster?.stop());

  async function start(config = cluster.kubeConfig): Promise<void> {
    sets = 0;
    source = new KubernetesSource({
      api: new KubernetesClient(config, 'weft-test'),
      log: pino({ level: 'silent' }),
      limits: { baseMs: 100, maxMs: 1_000, pageSize: 2 },
    });
    await source.start((set) => {
      last = set;
      sets++;
    });
  }

  const hosts = (): readonly string[] | undefined => {
    const object = last?.objects.get(objectKey('VirtualService', SPACE, 'reviews'));
    return (object?.spec as { hosts?: readonly string[] } | undefined)?.hosts;
  };
  const eventually = (check: () => void) => vi.waitFor(check, { timeout: 40_000, interval: 50 });

  it('starts without any definition, and follows definitions as they come and go', async () => {
    await start();
    expect([...(last?.objects.values() ?? [])].filter(({ apiVersion }) => apiVersion.includes('istio.io'))).toEqual([]);
    await cluster.apply(CRDS);
    await cluster.apply(virtualService('reviews'));
    await eventually(() => expect(hosts()).toEqual(['reviews']));

    const split = `apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: s, namespace: ${SPACE}}
spec: {service: reviews, backends: [{service: reviews-v1, weight: 1}]}`;
    await cluster.apply(split);
    const key = objectKey('TrafficSplit', SPACE, 's');
    await eventually(() => expect(last?.objects.has(key)).toBe(true));
    const definitions = cluster.kubeConfig.makeApiClient(ApiextensionsV1Api);
    await definitions.deleteCustomResourceDefinition({ name: SPLIT });
    await eventually(() => expect(last?.objects.has(key)).toBe(false));
    expect(hosts()).toEqual(['reviews']);
    await cluster.apply(CRDS);
    await cluster.apply(split);
    await eventually(() => expect(last?.objects.has(key)).toBe(true));
  });

  it('reads every served version of an object, and its changes', async () => {
    await start();
    for (const version of ['v1alpha3', 'v1beta1', 'v1']) {
      await cluster.apply(virtualService(`reviews-${version}`, version));
      await eventually(() => expect(hosts()).toEqual([`reviews-${version}`]));
    }
    const custom = cluster.kubeConfig.makeApiClient(CustomObjectsApi);
    const place = { group: 'networking.istio.io', version: 'v1', namespace: SPACE, plural: 'virtualservices' };
    await custom.deleteNamespacedCustomObject({ ...place, name: 'reviews' });
    await eventually(() => expect(hosts()).toBeUndefined());
  });

  it('builds services from Services, EndpointSlices, Pods and Nodes', async () => {
    await start();
    await cluster.apply(`
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1}}
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: ${SPACE}}
spec: {selector: {app: ratings}, ports: [{name: http, port: 80, targetPort: web, appProtocol: kubernetes.io/h2c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ratings-0, namespace: ${SPACE}, labels: {app: ratings}, annotations: {sidecar.istio.io/status: "{}"}}
spec: {nodeName: n1, containers: [{name: app, image: none, ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ratings-x, namespace: ${SPACE}, labels: {kubernetes.io/service-name: ratings}}
addressType: IPv4
endpoints: [{addresses: [10.9.9.9], conditions: {ready: true}, targetRef: {kind: Pod, namespace: ${SPACE}, name: ratings-0}}]
ports: [{name: http, port: 8080, protocol: TCP}]`);
    const core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    const pod = await core.readNamespacedPod({ name: 'ratings-0', namespace: SPACE });
    pod.status = {
      ...pod.status,
      phase: 'Running',
      podIP: '10.9.9.9',
      podIPs: [{ ip: '10.9.9.9' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    };
    await core.replaceNamespacedPodStatus({ name: 'ratings-0', namespace: SPACE, body: pod });
    await eventually(() => {
      const snapshot = last && buildSnapshot(last, capturedPods(last));
      const service = snapshot?.services.find(({ name }) => name === 'ratings');
      expect(service?.ports).toEqual([{ name: 'http', number: 80, target: 'web', protocol: 'http2' }]);
      expect(service?.addresses).toHaveLength(1);
      expect(service?.endpoints).toMatchObject([
        {
          health: 'healthy',
          ports: new Map([['http', 8080]]),
          workload: { name: 'ratings-0', locality: 'eu/eu-1', sidecar: { kind: 'capture', interception: 'REDIRECT' } },
        },
      ]);
    });

    // What the node says about its health is nobody's business.
    const before = sets;
    const node = await core.readNode({ name: 'n1' });
    node.status = { ...node.status, conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date() }] };
    await core.replaceNodeStatus({ name: 'n1', body: node });
    await cluster.kubeConfig
      .makeApiClient(DiscoveryV1Api)
      .deleteNamespacedEndpointSlice({ name: 'ratings-x', namespace: SPACE });
    await eventually(() => expect(last?.objects.has(objectKey('EndpointSlice', SPACE, 'ratings-x'))).toBe(false));
    expect(sets).toBe(before + 1);
  });

  it('says what it may not read, and reads it when it may', async () => {
    const reader = cluster.configFor(await cluster.token('istio-system', 'reader'));
    await start(reader);
    expect(last?.findings.some(({ level, message }) => level === 'error' && message.includes('forbidden'))).toBe(true);
    expect(last?.unreadablePolicies.map(({ kind }) => kind)).toContain('AuthorizationPolicy');
    await source?.stop();

    const rbac = cluster.kubeConfig.makeApiClient(RbacAuthorizationV1Api);
    await rbac.createClusterRole({
      body: {
        metadata: { name: 'weft-source-test' },
        rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
      },
    });
    await rbac.createClusterRoleBinding({
      body: {
        metadata: { name: 'weft-source-test' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'weft-source-test' },
        subjects: [{ kind: 'ServiceAccount', namespace: 'istio-system', name: 'reader' }],
      },
    });
    try {
      await eventually(async () => {
        await start(reader);
        const { findings = [] } = last ?? {};
        await source?.stop();
        expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
      });
    } finally {
      await rbac.deleteClusterRoleBinding({ name: 'weft-source-test' });
      await rbac.deleteClusterRole({ name: 'weft-source-test' });
    }
  });

  it('keeps everything while the API server is away, and goes on when it is back', async (context) => {
    if (!cluster.owned) context.skip('a borrowed API server is not restarted');
    await cluster.apply(virtualService('before'));
    await start();
    expect(hosts()).toEqual(['before']);
    const kept = last?.objects.size;
    await cluster.stopApiServer();
    await cluster.startAgain();
    await cluster.apply(virtualService('after'));
    await eventually(() => expect(hosts()).toEqual(['after']));
    expect(last?.objects.size).toBe(kept);
    expect(last?.findings.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
