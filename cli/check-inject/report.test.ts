import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { injectorConfiguration } from '../../control-plane/webhooks/configurations.js';
import { defaultInjectionConfig } from '../../control-plane/webhooks/inject/config.js';
import { inject } from '../../control-plane/webhooks/inject/inject.js';
import { reportInjection } from './report.js';

const config = defaultInjectionConfig({ image: 'x' });
const installed = injectorConfiguration({ policy: config.policy, caBundle: 'x' });
const pod: V1Pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'app' }] } };
const enabled = { name: 'apps', labels: { 'istio-injection': 'enabled' } };
const plain = { name: 'apps', labels: {} };

describe('check-inject', () => {
  it('tells to restart a pod that is older than its label', () => {
    const report = reportInjection(pod, enabled, [installed], 'istio-system');
    expect(report).toMatchObject({ injected: false, wouldBe: true, reason: expect.stringContaining('apps') });
    expect(report.advice).toEqual([expect.stringContaining('restart')]);
    expect(report.rows.filter(({ sees }) => sees).map(({ webhook }) => webhook)).toEqual([
      'namespace.sidecar-injector.istio.io',
    ]);
  });

  it('says which label a namespace needs', () => {
    expect(reportInjection(pod, plain, [installed], 'istio-system').advice).toEqual([
      expect.stringContaining('kubectl label namespace apps istio-injection=enabled'),
    ]);
    const linkerd = { ...plain, annotations: { 'linkerd.io/inject': 'enabled' } };
    expect(reportInjection(pod, linkerd, [installed], 'istio-system').advice.join()).toContain('linkerd.io/inject');
  });

  it('has nothing to say about an injected pod', () => {
    const result = inject(pod, 'apps', config);
    if (result.kind !== 'injected') throw new Error(result.kind);
    const report = reportInjection(result.pod, enabled, [installed], 'istio-system');
    expect(report).toMatchObject({ injected: true, wouldBe: true, advice: [] });
  });

  it('notices what is not installed, not ready, or in the way', () => {
    expect(reportInjection(pod, enabled, [], 'istio-system')).toMatchObject({ wouldBe: false });
    const early = injectorConfiguration({ policy: config.policy });
    expect(reportInjection(pod, enabled, [early], 'istio-system').advice.join()).toContain('CA bundle');
    const istio = { ...installed, metadata: { name: 'istio-sidecar-injector' } };
    expect(reportInjection(pod, enabled, [installed, istio], 'istio-system').advice.join()).toContain(
      'another injector',
    );
  });
});
