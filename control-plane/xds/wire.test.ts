import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { type EncodedResource, ResourceEncoder } from './encoded.js';
import type { Reply } from './protocol.js';
import { DeltaResponse } from './wire.js';

const MESSAGE = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryResponse';
const encoder = new ResourceEncoder();

function clusters(count: number, size: number): EncodedResource[] {
  const messages = Array.from({ length: count }, (_, i) => {
    const name = `outbound|80||service-${i}.default.svc.cluster.local`;
    return [name, { name, alt_stat_name: `${i} `.repeat(size / 4) }] as const;
  });
  return [
    ...(encoder
      .encode(new Map([[TYPE.cluster, new Map(messages)]]))
      .get(TYPE.cluster)
      ?.values() ?? []),
  ];
}

function reply(resources: readonly EncodedResource[], removed: readonly string[] = [], nonce = '7'): Reply {
  return { typeUrl: TYPE.cluster, nonce, version: 'v', resources, removed };
}

it('writes what a DeltaDiscoveryResponse is', () => {
  // Long enough for lengths of two octets.
  const name = 'outbound|80||ü'.padEnd(300, 'x');
  const cluster = { name, alt_stat_name: 'a'.repeat(20_000) };
  const encoded = encoder.encode(new Map([[TYPE.cluster, new Map([[name, cluster]])]]));
  const resources = [...(encoded.get(TYPE.cluster)?.values() ?? [])];
  const message = new DeltaResponse(reply(resources, ['old', 'older']));
  expect(decodeMessage(MESSAGE, message.plain().toBuffer())).toEqual({
    system_version_info: 'v',
    resources: [{ name, version: resources[0]?.version, resource: { '@type': TYPE.cluster, ...cluster } }],
    type_url: TYPE.cluster,
    nonce: '7',
    removed_resources: ['old', 'older'],
  });
});

describe('compressed, it is the same message', () => {
  const names = Array.from({ length: 5000 }, (_, i) => `outbound|80||gone-${i}.default.svc.cluster.local`);
  it.each<[what: string, resources: readonly EncodedResource[], removed: readonly string[]]>([
    ['one large resource', clusters(1, 400_000), []],
    ['large ones', clusters(7, 70_000), ['a']],
    ['a thousand small ones', clusters(1000, 600), []],
    ['large and small ones', [...clusters(30, 400), ...clusters(3, 20_000), ...clusters(30, 4000)], []],
    ['with more removed names than a block holds', clusters(100, 400), names],
    ['ten thousand tiny ones', clusters(10_000, 4), []],
  ])('%s', (_what, resources, removed) => {
    const message = new DeltaResponse(reply(resources, removed));
    const compressed = message.compressed();
    expect(compressed?.compressed).toBe(true);
    const octets = compressed?.toBuffer() ?? Buffer.alloc(0);
    expect(octets.length).toBe(compressed?.length);
    expect(octets.length).toBeLessThan(message.plain().length);
    expect(inflateSync(octets).equals(message.plain().toBuffer())).toBe(true);
    // What is a message's own stands in front, as it is.
    expect(octets.indexOf(TYPE.cluster)).toBeLessThan(20);
  });
});

it('compresses once for all messages, also where they have something of their own', () => {
  const shared = clusters(2000, 400);
  const [own] = clusters(1, 900);
  const partsOf = (resources: readonly EncodedResource[], nonce: string): Set<Buffer> =>
    new Set(new DeltaResponse(reply(resources, [], nonce)).compressed()?.parts);
  const first = partsOf(shared, '1');
  const again = partsOf(shared, '2');
  const other = partsOf([...shared.slice(0, 700), ...shared.slice(705), ...(own === undefined ? [] : [own])], '3');
  const large = (parts: Set<Buffer>): Buffer[] => [...parts].filter(({ length }) => length > 500);
  expect(large(first).length).toBeGreaterThan(10);
  expect(large(first).filter((part) => !again.has(part))).toEqual([]);
  // One run lost five, and another ends otherwise.
  expect(large(other).filter((part) => !first.has(part)).length).toBeLessThanOrEqual(4);
});

it.each([
  ['nothing', [], ['a', 'b']],
  ['an endpoint or two', clusters(2, 400), []],
])('does not compress what is small: %s', (_what, resources, removed) => {
  expect(new DeltaResponse(reply(resources, removed)).compressed()).toBeUndefined();
});
