import { expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { KeptMessage, rememberBytes } from './kept-message.js';

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
