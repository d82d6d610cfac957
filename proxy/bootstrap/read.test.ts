import { describe, expect, it } from 'vitest';
import { parseBootstrap } from './read.js';

function read(value: object) {
  return parseBootstrap(JSON.stringify(value));
}

describe('parseBootstrap', () => {
  it('reads node metadata, in either spelling of field names', () => {
    const metadata = {
      NAMESPACE: 'default',
      SERVICE_ACCOUNT: 'a',
      TRUST_DOMAIN: 't',
      CA_ADDR: 'ca:1',
      CERT_TTL_SECONDS: 10,
    };
    const loaded = read({ node: { id: 'x', cluster: 'y', metadata, userAgentName: 'z' } });
    expect(loaded).toMatchObject({
      config: {
        workload: { namespace: 'default', serviceAccount: 'a', trustDomain: 't' },
        ca: { address: 'ca:1', ttlSeconds: 10 },
        drainMs: 5000,
      },
    });
  });

  it.each([
    [{ hds_config: { api_type: 'GRPC' } }, 'hds_config: is not supported'],
    [{ dynamic_resources: { lds_config: { ads: {} } } }, 'dynamic_resources.lds_config: ads_config is missing'],
    [{ node: { metadata: { CA_ADDR: 'ca:1' } } }, 'node.metadata.NAMESPACE: is required with CA_ADDR'],
    [{ node: { metadata: { DRAIN_SECONDS: 'soon' } } }, 'node.metadata.DRAIN_SECONDS: must be a number above 0'],
    [{ admin: { address: { pipe: { path: '/x' } } } }, 'admin.address: only socket_address is supported'],
  ])('names what it does not act on: %j', (value, error) => {
    expect(read(value)).toMatchObject({ errors: expect.arrayContaining([error]) });
  });

  it('only warns where nothing would change', () => {
    const loaded = read({ stats_flush_interval: '5s', stats_config: {} });
    expect(loaded).toMatchObject({
      config: {},
      warnings: expect.arrayContaining(['stats_flush_interval: has no effect']),
    });
  });
});
