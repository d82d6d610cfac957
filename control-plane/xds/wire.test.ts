import { expect, it } from 'vitest';
import { decodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { ResourceEncoder } from './encoded.js';
import { deltaResponse } from './wire.js';

const RESPONSE = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryResponse';

it('writes what a DeltaDiscoveryResponse is', () => {
  // Long enough for lengths of two octets.
  const name = 'outbound|80||ü'.padEnd(300, 'x');
  const cluster = { name, alt_stat_name: 'a'.repeat(20_000) };
  const encoded = new ResourceEncoder().encode(new Map([[TYPE.cluster, new Map([[name, cluster]])]]));
  const resources = [...(encoded.get(TYPE.cluster)?.values() ?? [])];
  const message = deltaResponse({
    typeUrl: TYPE.cluster,
    nonce: '7',
    version: 'v',
    resources,
    removed: ['old', 'older'],
  });
  expect(decodeMessage(RESPONSE, message.toBuffer())).toEqual({
    system_version_info: 'v',
    resources: [{ name, version: resources[0]?.version, resource: { '@type': TYPE.cluster, ...cluster } }],
    type_url: TYPE.cluster,
    nonce: '7',
    removed_resources: ['old', 'older'],
  });
});
