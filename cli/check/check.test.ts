import type { V1CustomResourceDefinition, V1MutatingWebhookConfiguration, V1Namespace } from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import type { ProxySync } from '../commands/proxy-status.js';
import { definitionLines, versionLines } from './before.js';
import { caLines } from './certificates.js';
import { deploymentLines, trustLines, webhookLines } from './control-plane.js';
import { proxyLines } from './data-plane.js';
import { otherLines } from './others.js';
import { formatSection, type Line } from './report.js';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const told = (lines: readonly Line[]): string[] => lines.map(({ level, text }) => `${level}: ${text}`);
const namespace = (name: string, labels: Record<string, string> = {}, annotations = {}): V1Namespace => ({
  metadata: { name, labels, annotations },
});

it('judges versions of the cluster and its kubelets', () => {
  const node = (name: string, kubeletVersion: string) => ({
    metadata: { name },
    status: { nodeInfo: { kubeletVersion } },
  });
  const nodes = [node('new', 'v1.33.1'), node('old', 'v1.28.9')] as unknown as Parameters<typeof versionLines>[1];
  expect(told(versionLines('v1.27.3', []))).toEqual([expect.stringMatching(/^error: Kubernetes v1.27.3 is too old/)]);
  expect(told(versionLines('v1.33.0-eks-1', nodes))).toEqual([
    'ok: Kubernetes v1.33.0-eks-1',
    expect.stringMatching(/^warning: only some kubelets .* old$/),
  ]);
});

it('says whose the definitions are, and which versions they lack', () => {
  const definition = (name: string, annotations: Record<string, string>, ...versions: string[]) =>
    ({
      metadata: { name, annotations },
      spec: { versions: versions.map((version) => ({ name: version, served: true })) },
    }) as unknown as V1CustomResourceDefinition;
  const helm = { 'meta.helm.sh/release-name': 'istio-base', 'meta.helm.sh/release-namespace': 'istio-system' };
  const wanted = ['a', 'b', 'c'].map((name) => ({ name, versions: ['v1', 'v1beta1'] }));
  const present = [definition('a', helm, 'v1', 'v1beta1'), definition('b', helm, 'v1beta1')];
  expect(told(definitionLines(wanted, present, false))).toEqual([
    'warning: b does not serve v1',
    "ok: 2 definitions of Istio's API, from Helm release istio-system/istio-base",
    'ok: weft install brings what is missing: c',
  ]);
  expect(told(definitionLines(wanted, present, true)).at(-1)).toBe('error: not defined: c');
});

it('tells Istio, its leftovers and Linkerd apart, and whose namespaces are whose', () => {
  const injector = (name: string, revision: string): V1MutatingWebhookConfiguration =>
    ({
      metadata: { name, labels: { 'istio.io/rev': revision } },
      webhooks: [
        {
          name: 'namespace.sidecar-injector.istio.io',
          namespaceSelector: { matchLabels: { 'istio-injection': 'enabled' } },
        },
      ],
    }) as unknown as V1MutatingWebhookConfiguration;
  const injectors = [injector('istio-sidecar-injector', 'default'), injector('weft-injector', 'default')];
  const namespaces = [
    namespace('shop', { 'istio-injection': 'enabled' }, { 'linkerd.io/inject': 'enabled' }),
    namespace('plain'),
  ];
  const istiod = { metadata: { name: 'istiod', namespace: 'istio-system', labels: { app: 'istiod' } } };
  const linkerd = {
    metadata: { name: 'x', namespace: 'linkerd', labels: { 'linkerd.io/control-plane-component': 'proxy-injector' } },
  };
  expect(told(otherLines([], [], namespaces))).toEqual(['ok: no Istio runs here', 'ok: no Linkerd runs here']);
  expect(told(otherLines([istiod, linkerd], injectors, namespaces))).toEqual([
    expect.stringMatching(/^error: Istio runs here: istio-system\/istiod/),
    'ok: injector istio-sidecar-injector (Istio, revision default) owns shop',
    'ok: Linkerd runs here and owns shop',
    'error: namespace shop asks both Linkerd and Weft for sidecars',
    'error: namespaces that both Weft and another injector select: shop',
  ]);
  expect(told(otherLines([], injectors.slice(0, 1), namespaces))[0]).toMatch(/^warning: .* is left over/);
});

it('looks at the Deployment, its pods and the Lease', () => {
  const deployment = {
    metadata: { namespace: 'istio-system' },
    spec: { replicas: 2 },
    status: { readyReplicas: 1 },
  } as Parameters<typeof deploymentLines>[0];
  const pods = [
    {
      metadata: { name: 'weft-control-plane-a' },
      status: { containerStatuses: [{ name: 'control-plane', state: { waiting: { reason: 'ImagePullBackOff' } } }] },
    },
  ] as unknown as Parameters<typeof deploymentLines>[1];
  const lease = { spec: { holderIdentity: 'weft-control-plane-a_1', renewTime: new Date(NOW - 5000).toISOString() } };
  const of = (one: unknown) =>
    told(deploymentLines(deployment, pods, one as Parameters<typeof deploymentLines>[2], NOW));
  expect(of(lease)).toEqual([
    'warning: 1 of 2 replicas of istio-system/weft-control-plane are ready',
    'error: pod weft-control-plane-a: control-plane waits: ImagePullBackOff',
    'ok: weft-control-plane-a leads',
  ]);
  expect(of(undefined).at(-1)).toMatch(/^error: no replica leads/);
  const old = { spec: { ...lease.spec, renewTime: new Date(NOW - 600_000).toISOString() } };
  expect(of(old).at(-1)).toBe('error: weft-control-plane-a led last, 600 s ago');
});

it('finds webhooks that nobody answers or trusts', () => {
  const configuration = (name: string, bundle: string, failurePolicy = 'Fail') =>
    ({
      metadata: { name },
      webhooks: [{ name: 'w', failurePolicy, clientConfig: { caBundle: Buffer.from(bundle).toString('base64') } }],
    }) as unknown as V1MutatingWebhookConfiguration;
  const lines = webhookLines(
    [configuration('weft-injector', 'other'), configuration('weft-validator', 'root', 'Ignore')],
    'root\n',
    { spec: { ports: [{ port: 443 }] } } as Parameters<typeof webhookLines>[2],
    [],
  );
  expect(told(lines)).toEqual([
    'error: the CA bundle of weft-injector is not the root of the mesh',
    expect.stringMatching(/^warning: weft-validator: failurePolicy is not Fail/),
    expect.stringMatching(/^error: no replica is ready to answer webhooks/),
  ]);
  expect(told(trustLines(undefined, [], [], NOW))).toEqual([expect.stringMatching(/^error: there is no trust bundle/)]);
});

it('finds proxies that are lost, behind, refuse, or are of another release', () => {
  const sync = (workload: string, version: string, status = 'SYNCED', reason?: string): ProxySync => ({
    id: workload,
    namespace: 'shop',
    workload,
    dataPlane: 'weft',
    version,
    connectedAt: '',
    types: { CDS: { status, resources: 1, ...(reason === undefined ? {} : { lastNack: { reason } }) } },
  });
  const pod = (name: string) => ({
    metadata: { name, namespace: 'shop', annotations: { 'sidecar.istio.io/status': '{}' } },
    spec: { containers: [{ name: 'istio-proxy' }] },
    status: { phase: 'Running' },
  });
  const lines = proxyLines(
    [pod('a'), pod('b')],
    [sync('a', '0.1.0', 'STALE'), sync('c', '0.2.0', 'NACKED', 'bad')],
    '0.2.0',
  );
  expect(told(lines)).toEqual([
    'error: sidecars that are not connected: shop/b',
    'error: shop/c refused CDS: bad',
    'warning: not acknowledged yet by: shop/a',
    'warning: 1 proxies are of version 0.1.0, the control plane of 0.2.0: shop/a',
  ]);
});

it('shows a section with its signs, and no escape sequences of others', () => {
  const lines: Line[] = [
    { level: 'ok', text: 'fine' },
    { level: 'error', text: 'bad \x1b[2J', advice: 'mend it' },
  ];
  expect(formatSection({ title: 'T', lines }, false)).toBe('T\n✓ fine\n✗ bad \\x1b[2J\n    → mend it');
  expect(formatSection({ title: 'T', lines: lines.slice(0, 1) }, true)).toBe('T\n\x1b[32m✓\x1b[0m fine');
});

it('sees certificates of the CA end, and a rotation that stands still', () => {
  const certificate = (subject: string, notAfter: string) => ({
    ...{ subject, sha256: 'a', key: 'EC prime256v1', notBefore: '2020-01-01T00:00:00.000Z', notAfter, signs: true },
  });
  const at = (days: number): string => new Date(NOW + days * 86_400_000).toISOString();
  const root = certificate('O=root', at(1000));
  const lines = caLines(
    {
      source: 'Secret istio-system/cacerts',
      signer: root,
      intermediates: [certificate('O=fine', at(100)), certificate('O=soon', at(3)), certificate('O=over', at(-3))],
      roots: [root],
      rotation: {
        ...{
          id: 'r',
          step: 'trust',
          cause: 'command',
          startedAt: at(-1),
          stepSince: at(-1),
          settled: true,
          problem: '',
        },
        waitingFor: [{ proxy: 'sidecar~1', reason: 'has not the newest roots yet' }],
      },
      proxies: [{ proxy: 'sidecar~2', roots: 'refused', certificate: 'old' }],
    },
    NOW,
  );
  expect(told(lines)).toEqual([
    expect.stringMatching(/^ok: the intermediate certificate O=fine is valid until/),
    expect.stringMatching(/^warning: the intermediate certificate O=soon ends in 3 days/),
    expect.stringMatching(/^error: the intermediate certificate O=over ended on/),
    expect.stringMatching(/^warning: Rotation of the root: step 1 of 3.*; waits for sidecar~1: has not the newest/),
    'error: proxies that refuse the roots of the mesh: sidecar~2',
  ]);
});
