import { describe, expect, it } from 'vitest';
import { defaultInjectionConfig, type InjectionPolicy } from './config.js';
import { decideInjection } from './decide.js';

const { policy } = defaultInjectionConfig({ image: 'x' });

type Labels = Record<string, string>;

const INJECT = 'sidecar.istio.io/inject';
const REV = 'istio.io/rev';

const table: readonly [namespace: Labels, pod: Labels, annotations: Labels, injected: boolean, reason: RegExp][] = [
  [{}, {}, {}, false, /neither/],
  [{}, { [INJECT]: 'true' }, {}, true, /pod label/],
  [{}, { [INJECT]: 'false' }, {}, false, /pod label/],
  [{}, { [REV]: 'default' }, {}, true, /pod label istio.io\/rev/],
  [{}, { [REV]: 'canary' }, {}, false, /canary/],
  [{}, { [REV]: 'default', [INJECT]: 'false' }, {}, false, /=false/],
  [{}, { [REV]: 'canary', [INJECT]: 'true' }, {}, false, /canary/],
  [{}, {}, { [INJECT]: 'true' }, true, /annotation sidecar/],
  [{}, {}, { [INJECT]: 'false' }, false, /neither/],
  [{}, {}, { 'linkerd.io/inject': 'enabled' }, true, /annotation linkerd/],
  [{}, {}, { 'linkerd.io/inject': 'enabled', [INJECT]: 'false' }, false, /neither/],
  [{}, { [INJECT]: 'false' }, { [INJECT]: 'true' }, false, /label/],
  [{ 'istio-injection': 'enabled' }, {}, {}, true, /namespace apps/],
  [{ 'istio-injection': 'enabled' }, { [INJECT]: 'false' }, {}, false, /label/],
  [{ 'istio-injection': 'enabled' }, {}, { [INJECT]: 'false' }, false, /annotation/],
  [{ 'istio-injection': 'enabled' }, { [INJECT]: 'true' }, { [INJECT]: 'false' }, true, /label/],
  [{ 'istio-injection': 'enabled', [REV]: 'canary' }, {}, {}, true, /istio-injection=enabled/],
  [{ 'istio-injection': 'disabled' }, { [INJECT]: 'true' }, {}, false, /wins/],
  [{ 'istio-injection': 'disabled' }, {}, { [INJECT]: 'true' }, false, /wins/],
  [{ 'istio-injection': 'disabled', [REV]: 'default' }, {}, {}, false, /wins/],
  [{ [REV]: 'default' }, {}, {}, true, /istio.io\/rev=default/],
  [{ [REV]: 'default' }, { [INJECT]: 'false' }, {}, false, /label/],
  [{ [REV]: 'canary' }, { [INJECT]: 'true' }, {}, false, /canary/],
];

describe('who is injected', () => {
  it.each(table)('namespace %o, pod %o, annotations %o', (namespace, labels, annotations, injected, reason) => {
    const pod = { metadata: { labels, annotations }, spec: { containers: [] } };
    const decision = decideInjection(pod, { name: 'apps', labels: namespace }, policy);
    expect(decision).toMatchObject({ inject: injected, reason: expect.stringMatching(reason) });
  });

  it.each(['kube-system', 'kube-node-lease', 'istio-system'])('never %s', (name) => {
    const pod = { metadata: { labels: { [INJECT]: 'true' } }, spec: { containers: [] } };
    expect(decideInjection(pod, { name, labels: { 'istio-injection': 'enabled' } }, policy).inject).toBe(false);
  });

  it("never a pod on the host's network", () => {
    const pod = { spec: { hostNetwork: true, containers: [] } };
    const decision = decideInjection(pod, { name: 'apps', labels: { 'istio-injection': 'enabled' } }, policy);
    expect(decision).toMatchObject({ inject: false, reason: expect.stringContaining('host') });
  });

  const decide = (changes: Partial<InjectionPolicy>, labels: Labels, namespace: Labels = {}): boolean =>
    decideInjection({ metadata: { labels } }, { name: 'apps', labels: namespace }, { ...policy, ...changes }).inject;

  it('follows the policy', () => {
    expect(decide({ enableNamespacesByDefault: true }, {})).toBe(true);
    expect(decide({ enableNamespacesByDefault: true }, { [REV]: 'canary' })).toBe(false);
    const enabled = { 'istio-injection': 'enabled' };
    expect(decide({ enabled: false }, {}, enabled)).toBe(false);
    expect(decide({ enabled: false }, { [INJECT]: 'true' }, enabled)).toBe(true);
    const job = { matchLabels: { job: 'yes' } };
    expect(decide({ neverInject: [job] }, { job: 'yes' }, enabled)).toBe(false);
    expect(decide({ enabled: false, alwaysInject: [job] }, { job: 'yes' }, enabled)).toBe(true);
    expect(decide({ neverInject: [{}] }, {}, enabled)).toBe(true);
  });

  it('leaves labels of the default revision to it', () => {
    expect(decide({ revision: 'canary' }, {}, { 'istio-injection': 'enabled' })).toBe(false);
    expect(decide({ revision: 'canary' }, {}, { [REV]: 'canary' })).toBe(true);
    expect(decide({ revision: 'canary' }, { [INJECT]: 'true' })).toBe(false);
  });
});
