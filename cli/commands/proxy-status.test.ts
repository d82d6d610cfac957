import { expect, it } from 'vitest';
import { refusal } from './proxy-status.js';

it.each([
  ['names what the reason does not', { resource: 'inbound', reason: 'cannot bind' }, 'LDS inbound: cannot bind'],
  ['names nothing twice', { resource: 'inbound', reason: 'inbound: cannot bind' }, 'LDS: inbound: cannot bind'],
  ['looks at each of several', { resource: 'one, two', reason: 'one: bad' }, 'LDS two: one: bad'],
  ['does without a name', { reason: 'cannot bind' }, 'LDS: cannot bind'],
])('a refusal %s', (_, nack, text) => {
  expect(refusal('LDS', nack)).toBe(text);
});
