import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { DeltaRequestReader } from './delta-request.js';

const MESSAGE = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryRequest';
const names = Array.from({ length: 3000 }, (_, i) => `outbound|80||service-${i}.ü.svc.cluster.local`);
const versions = Object.fromEntries(names.map((name, i) => [name, `v${i}`]));
const node = { id: 'sidecar~1', metadata: { fields: { NAMESPACE: { string_value: 'a' } } } };

const encoded = (message: object): Buffer => encodeMessage(MESSAGE, message);

describe('reads what the codec reads', () => {
  const subscription = encoded({ type_url: TYPE.endpoint, resource_names_subscribe: names });
  it.each<[what: string, bytes: Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['an acknowledgement', encoded({ type_url: TYPE.cluster, response_nonce: '7' })],
    ['a refusal', encoded({ type_url: TYPE.cluster, error_detail: { code: 13, message: 'no '.repeat(2000) } })],
    ['a subscription', subscription],
    ['with a node', encoded({ node, type_url: TYPE.endpoint, resource_names_subscribe: names })],
    ['what it has', encoded({ type_url: TYPE.cluster, initial_resource_versions: versions })],
    [
      'everything at once',
      encoded({
        node,
        type_url: TYPE.endpoint,
        resource_names_subscribe: names,
        resource_names_unsubscribe: names.slice(0, 500),
        initial_resource_versions: versions,
        response_nonce: '3',
      }),
    ],
    [
      'a long list and a short one',
      encoded({ resource_names_subscribe: names, initial_resource_versions: { a: 'b' } }),
    ],
    ['a list in two rows', Buffer.concat([subscription, encoded({ response_nonce: '1' }), subscription])],
    ['pieces of a message', Buffer.concat([encoded({ node }), subscription])],
    ['a field that it does not know', Buffer.concat([subscription, Buffer.from([0x78, 0x01])])],
    ['a field with a long tag', Buffer.concat([subscription, Buffer.from([0x82, 0x01, 0x01, 0x41])])],
  ])('%s', (_what, bytes) => {
    const reader = new DeltaRequestReader();
    const expected = decodeMessage(MESSAGE, bytes);
    expect(reader.read(bytes)).toEqual(expected);
    expect(reader.read(bytes)).toEqual(expected);
  });

  it.each([1, 2, 3, 100, 2500])('and throws where the last %i octets are missing', (missing) => {
    const cut = subscription.subarray(0, subscription.length - missing);
    const outcome = (read: () => object): object => {
      try {
        return read();
      } catch (error) {
        return { thrown: (error as Error).message };
      }
    };
    expect(outcome(() => new DeltaRequestReader().read(cut))).toEqual(outcome(() => decodeMessage(MESSAGE, cut)));
  });
});

it('decodes once what many say alike', () => {
  const reader = new DeltaRequestReader();
  const [first, second] = ['1', '2'].map((id) =>
    reader.read(encoded({ node: { id }, resource_names_subscribe: names, initial_resource_versions: versions })),
  );
  expect(second?.resource_names_subscribe).toBe(first?.resource_names_subscribe);
  expect(second?.initial_resource_versions).toBe(first?.initial_resource_versions);
  expect([first?.node?.id, second?.node?.id]).toEqual(['1', '2']);
});

it('keeps so much and no more', () => {
  const reader = new DeltaRequestReader();
  const bytes = encoded({ resource_names_subscribe: ['first', ...names] });
  const first = reader.read(bytes).resource_names_subscribe;
  for (let i = 0; i < 100; i++) reader.read(encoded({ resource_names_subscribe: [`${i}`, ...names] }));
  expect(reader.read(bytes).resource_names_subscribe).not.toBe(first);
});
