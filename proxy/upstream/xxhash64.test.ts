import { expect, it } from 'vitest';
import { random64, xxHash64 } from './xxhash64.js';

// The reference implementation's values.
it.each([
  ['', 0n, 'ef46db3751d8e999'],
  ['a', 0n, 'd24ec4f1a98c6e5b'],
  ['abc', 0n, '44bc2cf5ad770999'],
  ['Nobody inspects the spammish repetition', 0n, 'fbcea83c8a378bf1'],
])('hashes %j with seed %d', (text, seed, expected) => {
  expect(xxHash64(text, seed).toString(16).padStart(16, '0')).toBe(expected);
});

it('makes 64 bits of chance', () => {
  const numbers = [0.5, 0.25];
  expect(random64(() => numbers.shift() ?? 0)).toBe((0x8000_0000n << 32n) | 0x4000_0000n);
});
