import { expect, it } from 'vitest';
import { network } from './format-addresses.js';

it.each([
  ['10.1.10.23', 16, '10.1.0.0/16'],
  ['10.1.10.23', 0, '0.0.0.0/0'],
  ['10.1.10.23', 31, '10.1.10.22/31'],
  ['10.1.10.23', 33, undefined],
  ['2001:db8:1234:5678:9abc:def0:1234:5678', 64, '2001:db8:1234:5678::/64'],
  ['::1', 127, '::/127'],
  ['fe80::a:b', 10, 'fe80::/10'],
  ['fe80::a:b', 128, 'fe80::a:b/128'],
])('%s in networks of %i bits', (address, bits, text) => {
  expect(network(address, bits)).toBe(text);
});
