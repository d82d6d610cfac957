import { describe, expect, it } from 'vitest';
import { mended } from './ca-bundle.js';
import { injectorConfiguration, validatorConfiguration } from './configurations.js';
import { defaultInjectionConfig } from './inject/config.js';

const { policy } = defaultInjectionConfig({ image: 'x' });
const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

describe('webhook configurations', () => {
  it('have names that are theirs alone', () => {
    const { webhooks = [] } = injectorConfiguration({ policy: { ...policy, enableNamespacesByDefault: true } });
    expect(new Set(webhooks.map(({ name }) => name)).size).toBe(6);
    expect(injectorConfiguration({ policy: { ...policy, revision: 'canary' } }).metadata?.name).toBe(
      'weft-injector-canary',
    );
  });

  it.each([
    ['injector', injectorConfiguration({ policy })],
    ['validator', validatorConfiguration({ policy })],
  ])('are mended once: %s', (_name, configuration) => {
    const written = { ...configuration };
    const webhooks = mended(written, PEM);
    expect(webhooks).toBeDefined();
    for (const { failurePolicy, clientConfig } of webhooks ?? []) {
      expect(failurePolicy).toBe('Fail');
      expect(clientConfig).toMatchObject({
        service: { name: 'weft-control-plane', port: 443 },
        caBundle: Buffer.from(PEM).toString('base64'),
      });
    }
    expect(mended({ ...written, webhooks }, PEM)).toBeUndefined();
    expect(mended({ ...written, webhooks }, `${PEM}${PEM}`)).toBeDefined();
  });
});
