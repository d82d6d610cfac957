import { expect, it } from 'vitest';
import { Framing } from './fields.js';
import { parseRequestHead } from './request-head.js';

it.each([
  ['http://b', '/'],
  ['http://b/', '/'],
  ['http://b?q', '?q'],
  ['http://b/x?q', '/x?q'],
])('the absolute form %s asks for %s', (target, path) => {
  const head = parseRequestHead(`GET ${target} HTTP/1.1\r\nHost: a\r\n`, new Framing(), 100, false);
  expect([head.authority, head.path]).toEqual(['b', path]);
});
