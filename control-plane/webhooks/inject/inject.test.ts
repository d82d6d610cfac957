import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { expectGolden, expectNoStale, goldenCases } from '../../../test/support/golden.js';
import { defaultInjectionConfig, hasNativeSidecars, type InjectionConfig } from './config.js';
import { inject } from './inject.js';
import { jsonPatch, type PatchOperation } from './json-patch.js';
import { injectDocument } from './workloads.js';

const directory = new URL('./testdata/', import.meta.url);
const cases = goldenCases(directory);
const base = defaultInjectionConfig({ image: 'weft-proxy:test' });

function read(input: string): { config: InjectionConfig; objects: readonly unknown[] } {
  const documents = parseAllDocuments(input).map((document) => document.toJSON() as Record<string, unknown>);
  const [first, ...rest] = documents;
  if (first?.['config'] === undefined) return { config: base, objects: documents };
  return { config: { ...base, ...(first['config'] as Partial<InjectionConfig>) }, objects: rest };
}

describe('injection, case by case', () => {
  it.each(cases)('$name', ({ input, outputPath }) => {
    const { config, objects } = read(input);
    const parts = objects.map((object) => injectDocument(object, 'default', config));
    const shown = parts.flatMap(({ document, notes }) => [{ notes }, document]);
    expectGolden(
      outputPath,
      shown.map((part) => stringify(part, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n'),
    );
    const again = parts.map(({ document }) => injectDocument(document, 'default', config).document);
    expect(again).toEqual(parts.map(({ document }) => document));
  });

  it('has no output without an input', () => expectNoStale(directory, cases));
});

const pod = (metadata: V1Pod['metadata'], spec: Partial<NonNullable<V1Pod['spec']>> = {}): V1Pod => ({
  metadata: { name: 'p', ...metadata },
  spec: { containers: [{ name: 'app', image: 'app' }], ...spec },
});

describe('inject', () => {
  it('leaves an injected pod as it is, also one whose probes point to the sidecar', () => {
    const first = inject(
      pod({}, { containers: [{ name: 'app', livenessProbe: { httpGet: { port: 8080, path: '/' } } }] }),
      'default',
      base,
    );
    if (first.kind !== 'injected') throw new Error(first.kind);
    expect(inject(first.pod, 'default', base)).toEqual({ kind: 'unchanged' });
  });

  it('names Deployment and CronJob, not what they made', () => {
    const owned = (kind: string, name: string, labels: Record<string, string>): string => {
      const ownerReferences = [
        { apiVersion: kind === 'Job' ? 'batch/v1' : 'apps/v1', kind, name, uid: '', controller: true },
      ];
      const result = inject(pod({ labels, ownerReferences }), 'default', base);
      if (result.kind !== 'injected') throw new Error(result.kind);
      const sidecar = result.pod.spec?.initContainers?.find((container) => container.name === 'istio-proxy');
      return sidecar?.env?.find((variable) => variable.name === 'ISTIO_META_OWNER')?.value ?? '';
    };
    expect(owned('ReplicaSet', 'web-5d4f', { 'pod-template-hash': '5d4f' })).toBe(
      'kubernetes://apis/apps/v1/namespaces/default/deployments/web',
    );
    expect(owned('ReplicaSet', 'web', {})).toBe('kubernetes://apis/apps/v1/namespaces/default/replicasets/web');
    expect(owned('Job', 'nightly-28123456', {})).toBe('kubernetes://apis/batch/v1/namespaces/default/cronjobs/nightly');
  });

  it.each([
    ['sidecar.istio.io/logLevel', 'loud'],
    ['sidecar.istio.io/proxyCPU', '1 core'],
    ['sidecar.istio.io/interceptionMode', 'redirect'],
    ['traffic.sidecar.istio.io/includeInboundPorts', '80,x'],
    ['traffic.sidecar.istio.io/includeOutboundIPRanges', '10.0.0.0'],
    ['proxy.istio.io/config', '- a'],
    ['sidecar.istio.io/userVolume', 'nothing'],
    ['prometheus.istio.io/merge-metrics', 'maybe'],
  ])('refuses a bad %s', (name, value) => {
    const result = inject(pod({ annotations: { [name]: value } }), 'default', base);
    expect(result).toMatchObject({ kind: 'refused', faults: [expect.stringContaining(name)] });
  });

  it.each<[string, Partial<NonNullable<V1Pod['spec']>>, number]>([
    ['of a container', { containers: [{ name: 'app', securityContext: { runAsUser: 1337 } }] }, 1],
    ['of the pod', { securityContext: { runAsUser: 1337 } }, 1],
    [
      'of the pod, where the container has another',
      { securityContext: { runAsUser: 1337 }, containers: [{ name: 'app', securityContext: { runAsUser: 7 } }] },
      0,
    ],
    ['of the sidecar alone', { containers: [{ name: 'istio-proxy', securityContext: { runAsUser: 1337 } }] }, 0],
  ])('warns of the user 1337 %s', (_name, spec, count) => {
    const result = inject(pod({}, spec), 'default', base);
    if (result.kind !== 'injected') throw new Error(result.kind);
    expect(result.warnings.filter((text) => text.includes('[IST0144]'))).toHaveLength(count);
  });

  it('uses native sidecars from Kubernetes 1.29 on', () => {
    expect(hasNativeSidecars({ major: '1', minor: '28' })).toBe(false);
    expect(hasNativeSidecars({ major: '1', minor: '29+' })).toBe(true);
  });
});

describe('jsonPatch', () => {
  it('leads from one object to the other', () => {
    const from = { a: { 'x/y~z': '1', gone: true }, list: [1], same: [1] };
    const to = { a: { 'x/y~z': '2', made: {} }, list: [1, 2], same: [1] };
    expect(jsonPatch(from, to)).toEqual<PatchOperation[]>([
      { op: 'remove', path: '/a/gone' },
      { op: 'replace', path: '/a/x~1y~0z', value: '2' },
      { op: 'add', path: '/a/made', value: {} },
      { op: 'replace', path: '/list', value: [1, 2] },
    ]);
  });
});
