import { describe, expect, it } from 'vitest';
import { injectionFromEnvironment } from './installation.js';

describe('injection by the installation', () => {
  it('has Istio’s defaults where nothing is said', () => {
    expect(injectionFromEnvironment({}, 'istio-system')).toMatchObject({
      image: 'localhost/weft-proxy:dev',
      nativeSidecars: true,
      policy: { enableNamespacesByDefault: false, rootNamespace: 'istio-system' },
    });
  });

  it('takes everything that the Deployment says', () => {
    const environment = {
      PROXY_IMAGE: 'registry.example/weft-proxy:1',
      PROXY_IMAGE_PULL_POLICY: 'Never',
      PROXY_LOG_LEVEL: 'debug',
      PROXY_RESOURCES: '{"requests":{"cpu":"10m"}}',
      INJECT_BY_DEFAULT: 'true',
      NATIVE_SIDECARS: 'false',
    };
    expect(injectionFromEnvironment(environment, 'mesh')).toMatchObject({
      image: 'registry.example/weft-proxy:1',
      imagePullPolicy: 'Never',
      logLevel: 'debug',
      resources: { requests: { cpu: '10m' } },
      nativeSidecars: false,
      policy: { enableNamespacesByDefault: true, rootNamespace: 'mesh' },
    });
  });

  it.each([
    [{ PROXY_IMAGE_PULL_POLICY: 'Sometimes' }, /PROXY_IMAGE_PULL_POLICY takes/],
    [{ PROXY_LOG_LEVEL: 'loud' }, /PROXY_LOG_LEVEL takes/],
    [{ PROXY_RESOURCES: '7' }, /PROXY_RESOURCES takes/],
    [{ INJECT_BY_DEFAULT: 'yes' }, /INJECT_BY_DEFAULT takes false, true/],
    [{ NATIVE_SIDECARS: 'maybe' }, /NATIVE_SIDECARS takes auto/],
  ])('refuses %j by name', (environment, message) => {
    expect(() => injectionFromEnvironment(environment, 'istio-system')).toThrow(message);
  });
});
