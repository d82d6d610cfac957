import { describe, expect, it } from 'vitest';
import { configSet } from '../../translate/testing/case.js';
import { defaultInjectionConfig } from './config.js';
import { withProxyConfigs } from './proxy-configs.js';

const object = (namespace: string, name: string, spec: string): string =>
  `apiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}`;

const set = configSet(
  [
    object('istio-system', 'mesh', '{environmentVariables: {A: mesh, B: mesh, C: mesh}}'),
    object('shop', 'all', '{environmentVariables: {B: namespace, C: namespace}}'),
    object('shop', 'cart', '{selector: {matchLabels: {app: cart}}, environmentVariables: {C: own}}'),
    object('other', 'all', '{environmentVariables: {A: foreign}}'),
  ].join('\n---\n'),
);

const base = {
  ...defaultInjectionConfig({ image: 'proxy' }),
  proxyConfig: { statusPort: 15_020, proxyMetadata: { D: 'default', A: 'default' } },
};

describe('ProxyConfig objects', () => {
  it.each([
    ['of the mesh', 'elsewhere', {}, { A: 'mesh', B: 'mesh', C: 'mesh', D: 'default' }],
    [
      'of the namespace over the mesh',
      'shop',
      { app: 'web' },
      { A: 'mesh', B: 'namespace', C: 'namespace', D: 'default' },
    ],
    ['that select the pod over both', 'shop', { app: 'cart' }, { A: 'mesh', B: 'namespace', C: 'own', D: 'default' }],
  ])('%s', (_what, namespace, labels, proxyMetadata) => {
    const { proxyConfig } = withProxyConfigs(base, set, { namespace, labels });
    expect(proxyConfig).toEqual({ statusPort: 15_020, proxyMetadata });
  });

  it('leave a pod alone that none concerns', () => {
    expect(withProxyConfigs(base, configSet(''), { namespace: 'shop', labels: {} })).toBe(base);
    expect(withProxyConfigs(base, undefined, { namespace: 'shop', labels: {} })).toBe(base);
  });
});
