import { expect, it } from 'vitest';
import { refusal } from './proxy-status.js';

it.each([
  ['names what the reason does not', { resource: 'in', reason: 'cannot bind' }, 'LDS in: cannot bind'],
  ['names nothing twice', { resource: 'in', reason: 'in: cannot bind' }, 'LDS: in: cannot bind'],
  ['looks at each of several', { resource: 'a, b', reason: 'a: bad' }, 'LDS b: a: bad'],
  ['does without a name', { reason: 'cannot bind' }, 'LDS: cannot bind'],
])('a refusal %s', (_, nack, text) => {
  expect(refusal('LDS', nack)).toBe(text);
});
