import { expect, it } from 'vitest';
import { listensAt } from './own-address.js';

it.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['127.0.0.1', '0.0.0.0', true],
  ['127.0.0.1', '::ffff:127.0.0.1', true],
  ['127.0.0.1', '10.0.0.1', false],
  ['0.0.0.0', '127.0.0.9', true],
  ['::', '::1', true],
  ['0.0.0.0', '192.0.2.1', false],
])('a listener at %s takes connections to %s: %s', (host, ip, expected) => {
  expect(listensAt({ host, port: 1 }, ip, 1)).toBe(expected);
  expect(listensAt({ host, port: 1 }, ip, 2)).toBe(false);
});
