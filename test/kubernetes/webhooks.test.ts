import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CoreV1Api, dumpYaml, KubernetesObjectApi, type V1Pod } from '@kubernetes/client-node';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { Issuer } from '../../control-plane/ca/issuer.js';
import { makeRoot } from '../../control-plane/ca/root.js';
import { KubernetesClient } from '../../control-plane/kubernetes/client.js';
import type { ConfigSet } from '../../control-plane/sources/source.js';
import { injectorConfiguration, validatorConfiguration } from '../../control-plane/webhooks/configurations.js';
import { defaultInjectionConfig } from '../../control-plane/webhooks/inject/config.js';
import { decideInjection } from '../../control-plane/webhooks/inject/decide.js';
import { webhookMetrics } from '../../control-plane/webhooks/metrics.js';
import { WebhookService } from '../../control-plane/webhooks/service.js';
import { testAuthority } from '../../control-plane/webhooks/testing/authority.js';
import { skipWithoutOwnApiServer, startTestCluster, type TestCluster } from '../support/kubernetes.js';

const CRDS = join(import.meta.dirname, '../../deploy/crds');
const WEFT = join(import.meta.dirname, '../../bin/weft.mjs');
const EMPTY: ConfigSet = { objects: new Map(), findings: [], unreadablePolicies: [] };
const injection = defaultInjectionConfig({ image: 'localhost/weft-proxy:test' });
const log = createLogger('test', 'silent');

type Labels = Record<string, string>;

const NAMESPACES: Readonly<Record<string, Labels>> = {
  plain: {},
  enabled: { 'istio-injection': 'enabled' },
  disabled: { 'istio-injection': 'disabled' },
  revision: { 'istio.io/rev': 'default' },
  canary: { 'istio.io/rev': 'canary' },
  both: { 'istio-injection': 'enabled', 'istio.io/rev': 'canary' },
};

const PODS: Readonly<Record<string, { labels?: Labels; annotations?: Labels; hostNetwork?: boolean }>> = {
  silent: {},
  wants: { labels: { 'sidecar.istio.io/inject': 'true' } },
  refuses: { labels: { 'sidecar.istio.io/inject': 'false' } },
  'of-revision': { labels: { 'istio.io/rev': 'default' } },
  'of-canary': { labels: { 'istio.io/rev': 'canary' } },
  'wants-of-canary': { labels: { 'istio.io/rev': 'canary', 'sidecar.istio.io/inject': 'true' } },
  'wants-by-annotation': { annotations: { 'sidecar.istio.io/inject': 'true' } },
  'refuses-by-annotation': { annotations: { 'sidecar.istio.io/inject': 'false' } },
  linkerd: { annotations: { 'linkerd.io/inject': 'enabled' } },
  'linkerd-refuses': { annotations: { 'linkerd.io/inject': 'enabled', 'sidecar.istio.io/inject': 'false' } },
  host: { labels: { 'sidecar.istio.io/inject': 'true' }, hostNetwork: true },
};

function podOf(name: string, namespace: string): V1Pod {
  const { labels, annotations, hostNetwork } = PODS[name]!;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: {
      serviceAccountName: 'default',
      ...(hostNetwork === undefined ? {} : { hostNetwork }),
      containers: [
        {
          name: 'app',
          image: 'app',
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/', port: 'http' } },
        },
      ],
    },
  };
}

describe.skipIf(skipWithoutOwnApiServer())('CRDs and webhooks at a real API server', () => {
  let cluster: TestCluster;
  let webhooks: WebhookService;
  let issuer: Issuer;
  const leading = new AbortController();
  let following: Promise<void>;
  let seen = '';

  beforeAll(async () => {
    cluster = await startTestCluster();
    for (const file of readdirSync(CRDS)) await cluster.apply(readFileSync(join(CRDS, file), 'utf8'));
    const options = { defaultTtlSeconds: 600, maxTtlSeconds: 6000 };
    issuer = new Issuer(testAuthority(await makeRoot({ organization: 'test' }, systemClock)), options, systemClock);
    webhooks = await serve(0);
    const where = { policy: injection.policy, url: `https://127.0.0.1:${webhooks.port}` };
    await cluster.apply(
      [injectorConfiguration(where), validatorConfiguration(where)].map((one) => dumpYaml(one)).join('---\n'),
    );
    following = webhooks.leaderTask.run(leading.signal);
    for (const [name, labels] of Object.entries(NAMESPACES)) await createNamespace(name, labels);
    await createNamespace('istio-system', { 'istio-injection': 'enabled' });
    await untilTrusted();
  }, 120_000);

  afterAll(async () => {
    leading.abort();
    await following;
    await webhooks?.stop();
    await cluster?.stop();
  });

  async function serve(port: number): Promise<WebhookService> {
    const service = new WebhookService({
      host: '127.0.0.1',
      port,
      dnsNames: ['weft-control-plane.istio-system.svc'],
      addresses: ['127.0.0.1'],
      injection,
      configuration: () => EMPTY,
      issuer,
      api: new KubernetesClient(cluster.kubeConfig, 'weft-test'),
      events: webhookMetrics(new Registry()),
      clock: systemClock,
      random: Math.random,
      log,
    });
    await service.start();
    return service;
  }

  async function createNamespace(name: string, labels: Labels): Promise<void> {
    await cluster.apply(dumpYaml({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }));
  }

  /** Whether the API server calls both webhooks with success, as new configurations take a moment to be used. */
  async function trusts(): Promise<boolean> {
    const pod = await create(podOf('silent', 'enabled')).catch(String);
    const bad = await create(virtualService('x', { weight: -1 })).catch(String);
    seen = `${typeof pod === 'string' ? pod : 'a pod'}; ${typeof bad === 'string' ? bad : 'a faulty object'}`;
    return typeof pod === 'object' && isInjected(pod) && typeof bad === 'string' && bad.includes('denied the request');
  }

  async function untilTrusted(): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!(await trusts())) {
      if (Date.now() > deadline) throw new Error(`the API server does not use the webhooks: ${seen}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** As a dry run, so that names stay free. */
  async function create<T extends object>(object: T): Promise<T> {
    const api = KubernetesObjectApi.makeApiClient(cluster.kubeConfig);
    return (await api.create(object as never, undefined, 'All')) as T;
  }

  const isInjected = (pod: V1Pod | undefined): boolean =>
    pod?.spec?.initContainers?.some(({ name }) => name === 'istio-proxy') === true;

  const virtualService = (host: string, destination: object, metadata: object = {}): object => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'v', namespace: 'plain', ...metadata },
    spec: { hosts: [host], http: [{ route: [{ destination: { host }, ...destination }] }] },
  });

  const cases = Object.keys(NAMESPACES).flatMap((namespace) =>
    Object.keys(PODS).map((pod) => [namespace, pod] as const),
  );

  it.each(cases)('namespace %s, pod %s: as the decision says', async (namespace, name) => {
    const pod = podOf(name, namespace);
    const where = { name: namespace, labels: NAMESPACES[namespace]! };
    const { inject } = decideInjection(pod, where, injection.policy);
    expect(isInjected(await create(pod))).toBe(inject);
  });

  it('never touches its own namespace', async () => {
    expect(isInjected(await create(podOf('wants', 'istio-system')))).toBe(false);
  });

  it('stores a pod that the API server finds sound, and leaves it alone after that', async () => {
    const core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    const body = podOf('silent', 'enabled');
    const pod = await core.createNamespacedPod({
      namespace: 'enabled',
      body: { ...body, metadata: { ...body.metadata, name: 'stored' } },
    });
    expect(pod.spec?.initContainers?.map(({ name }) => name)).toEqual(['istio-init', 'istio-proxy']);
    expect(pod.spec?.containers[0]?.readinessProbe?.httpGet?.port).toBe(15_020);
    const { uid: _uid, resourceVersion: _version, creationTimestamp: _time, ...metadata } = pod.metadata!;
    const again = await create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name: 'copy' },
      spec: pod.spec,
    });
    expect(again.spec).toEqual(pod.spec);
  });

  it('says why a pod has a sidecar or not', async () => {
    const core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    const body = podOf('silent', 'plain');
    await core.createNamespacedPod({
      namespace: 'plain',
      body: { ...body, metadata: { ...body.metadata, name: 'lone' } },
    });
    const yes = await run('node', [WEFT, 'check-inject', 'stored', '-n', 'enabled']);
    expect(yes).toMatch(/^Pod enabled\/stored has a sidecar; created now it would get one: namespace enabled has/);
    const no = await run('node', [WEFT, 'check-inject', 'lone', '-n', 'plain']);
    expect(no).toContain('kubectl label namespace plain istio-injection=enabled');
  });

  it('makes the same pod offline', async () => {
    const output = await run('node', [WEFT, 'inject', '-f', '-'], dumpYaml(podOf('silent', 'plain')));
    const offline = output.replace(/^Pod .*$/m, '');
    expect(offline).toContain('name: istio-proxy');
    expect(await kubectl(['apply', '--dry-run=server', '-f', '-'], offline)).toContain('pod/silent created');
  });

  it('refuses a pod with an annotation that it cannot obey, and says which', async () => {
    const pod = podOf('silent', 'enabled');
    pod.metadata!.annotations = { 'sidecar.istio.io/proxyCPU': 'much' };
    await expect(create(pod)).rejects.toThrow(/sidecar\.istio\.io\/proxyCPU/);
  });

  it('lets no pod start without its sidecar while the webhook is away', async () => {
    const { port } = webhooks;
    await webhooks.stop();
    await expect(create(podOf('silent', 'enabled'))).rejects.toThrow(/failed calling webhook/);
    expect(isInjected(await create(podOf('silent', 'plain')))).toBe(false);
    expect(isInjected(await create(podOf('host', 'enabled')))).toBe(false);
    webhooks = await serve(port ?? 0);
    await untilTrusted();
  });

  it('trusts a new authority as soon as there is one', async () => {
    issuer.replace(testAuthority(await makeRoot({ organization: 'next' }, systemClock)));
    await untilTrusted();
  });

  it('mends its configurations when somebody else writes them', async () => {
    const where = { policy: injection.policy, url: `https://127.0.0.1:${webhooks.port}` };
    await cluster.apply(dumpYaml({ ...injectorConfiguration({ ...where, caBundle: 'nonsense' }) })).catch(() => {});
    await cluster.apply(dumpYaml({ ...validatorConfiguration(where) }));
    await untilTrusted();
  });

  describe('validation', () => {
    it('refuses a fault in the object, with the path of the field', async () => {
      await expect(create(virtualService('reviews', { weight: -1 }))).rejects.toThrow(
        /spec\.http\[0\]\.route\[0\]\.weight/,
      );
    });

    it('leaves objects of another revision to it', async () => {
      const other = virtualService('reviews', { weight: -1 }, { labels: { 'istio.io/rev': 'canary' } });
      await expect(create(other)).resolves.toBeDefined();
    });

    it('only warns about what is not there, and about what has no effect', async () => {
      const file = virtualService('nowhere', { destination: { host: 'nowhere', subset: 'v9' } });
      const output = await kubectl(['apply', '--dry-run=server', '-f', '-'], dumpYaml(file));
      expect(output).toContain('virtualservice.networking.istio.io/v created (server dry run)');
      expect(output).toMatch(/Warning: .*nowhere/);
    });
  });

  describe('CRDs', () => {
    it('print as with Istio', async () => {
      await cluster.apply(dumpYaml(virtualService('reviews', {})));
      const [head, row] = (await kubectl(['get', 'vs', '-n', 'plain'], '')).split('\n');
      expect(head).toMatch(/^NAME\s+GATEWAYS\s+HOSTS\s+AGE$/);
      expect(row).toMatch(/^v\s+\["reviews"\]\s+\S+$/);
      expect(await kubectl(['get', 'istio-io', '-n', 'plain', '-o', 'name'], '')).toContain('virtualservice');
    });

    it("take Istio's other spellings, and refuse what Istio's rules refuse", async () => {
      await expect(create(virtualService('a', {}, { name: 'b' }))).resolves.toBeDefined();
      const mirrored = {
        apiVersion: 'networking.istio.io/v1alpha3',
        kind: 'VirtualService',
        metadata: { name: 'm', namespace: 'plain' },
        spec: {
          hosts: ['a'],
          http: [{ route: [{ destination: { host: 'a' } }], mirror: { host: 'b' }, mirror_percent: 5 }],
        },
      };
      await expect(create(mirrored)).resolves.toMatchObject({ spec: { http: [{ mirror_percent: 5 }] } });
      const policy = {
        apiVersion: 'security.istio.io/v1',
        kind: 'PeerAuthentication',
        metadata: { name: 'p', namespace: 'plain' },
        spec: { portLevelMtls: { 8080: { mode: 'STRICT' } } },
      };
      await expect(create(policy)).rejects.toThrow(/portLevelMtls requires selector/);
    });
  });

  /** Standard output and error together: warnings go to the latter. The webhooks are served meanwhile. */
  function kubectl(args: readonly string[], input: string): Promise<string> {
    const program = join(process.env['KUBEBUILDER_ASSETS'] ?? '', 'kubectl');
    return run(program, ['--kubeconfig', cluster.kubeconfigPath, ...args], input);
  }

  async function run(program: string, args: readonly string[], input = ''): Promise<string> {
    const child = spawn(program, args, { env: { ...process.env, KUBECONFIG: cluster.kubeconfigPath } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.stdin.end(input);
    await new Promise<void>((resolve) => child.once('close', () => resolve()));
    return output;
  }
});
