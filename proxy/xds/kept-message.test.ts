import { expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { KeptMessage, keptParts, rememberBytes } from './kept-message.js';

it('gives back what came, from its bytes', () => {
  const bytes = encodeMessage(TYPE.cluster, { name: 'a', lb_policy: 'RANDOM' });
  const message = decodeMessage<{ name?: string }>(TYPE.cluster, bytes);
  rememberBytes(message, bytes);
  const kept = new KeptMessage(TYPE.cluster, message);
  expect(kept.get()).toEqual(message);
  expect(kept.get()).not.toBe(message);
});

it('keeps the message itself where it came in none', () => {
  const message = { name: 'static' };
  expect(new KeptMessage(TYPE.cluster, message).get()).toBe(message);
});

it('finds the parts of a repeated field in the bytes', () => {
  const host = (name: string): object => ({ name, domains: [name] });
  const route = { name: 'r', virtual_hosts: [host('a'), host('b')], most_specific_header_mutations_wins: true };
  const bytes = encodeMessage(TYPE.route, route);
  const message = decodeMessage(TYPE.route, bytes);
  const parts = (): object[] =>
    keptParts(message, TYPE.route, 'virtual_hosts', 'type.googleapis.com/envoy.config.route.v3.VirtualHost').map(
      (part) => part.get(),
    );
  expect(parts()).toEqual([]);
  rememberBytes(message, bytes);
  expect(parts()).toEqual(route.virtual_hosts);
});
