import { expect, it } from 'vitest';
import { encodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { decodeDelta } from './decode.js';
import { ReceivedResources } from './received-resources.js';

const RESPONSE = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryResponse';

/** A response of resources by name; those that are `undefined` are garbage. */
function received(typeUrl: string, resources: Readonly<Record<string, object | undefined>>) {
  const fit = encodeMessage(RESPONSE, {
    type_url: typeUrl,
    resources: Object.entries(resources).map(([name, message]) => ({
      name,
      version: '1',
      resource: { '@type': typeUrl, ...(message ?? { name: 'X' }) },
    })),
  });
  // The field becomes one of a wire type that there is not.
  const garbage = Buffer.from(fit.toString('latin1').replaceAll('\n\x01X', '\xf7\x07X'), 'latin1');
  return decodeDelta(garbage);
}

it.each([TYPE.cluster, TYPE.endpoint])('hands on what can be decoded of %s, and names the rest', (typeUrl) => {
  const named = (name: string): object => (typeUrl === TYPE.cluster ? { name } : { cluster_name: name });
  const response = received(typeUrl, { first: named('first'), last: named('last') });
  expect(response.errors).toEqual([]);
  const resources = new ReceivedResources(response.resources);
  expect([...resources.keys()]).toEqual(['first', 'last']);
  expect(resources.size).toBe(2);
  expect([...resources]).toEqual([
    ['first', named('first')],
    ['last', named('last')],
  ]);
  expect(resources.errors).toEqual([]);
  expect(resources.get('other')).toBeUndefined();
});

it('leaves out what is garbage, and says so', () => {
  const response = received(TYPE.cluster, { first: { name: 'first' }, broken: undefined, last: { name: 'last' } });
  const resources = new ReceivedResources(response.resources);
  expect([...resources].map(([name]) => name)).toEqual(['first', 'last']);
  expect(resources.errors).toEqual([
    { resource: 'broken', message: expect.stringMatching(/^cannot be decoded: /) as unknown },
  ]);
});

it('decodes what does not come by the thousand at once', () => {
  const response = received(TYPE.listener, { broken: undefined, last: { name: 'last' } });
  expect(response.errors).toMatchObject([{ resource: 'broken' }]);
  expect(response.resources.map(({ name }) => name)).toEqual(['last']);
});
