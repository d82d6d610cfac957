import { expect, it } from 'vitest';
import { toHashNumber, xxHash64 } from './xxhash64.js';

// The reference implementation's values.
it.each([
  ['', 0n, 'ef46db3751d8e999'],
  ['a', 0n, 'd24ec4f1a98c6e5b'],
  ['abc', 0n, '44bc2cf5ad770999'],
  ['Nobody inspects the spammish repetition', 0n, 'fbcea83c8a378bf1'],
])('hashes %j with seed %d', (text, seed, expected) => {
  expect(xxHash64(text, seed).toString(16).padStart(16, '0')).toBe(expected);
});

it('keeps the order of hashes as numbers', () => {
  const hashes = Array.from({ length: 200 }, (_, i) => xxHash64(`key ${i}`));
  const byHash = hashes.toSorted((a, b) => (a < b ? -1 : 1)).map(toHashNumber);
  expect(byHash).toEqual(byHash.toSorted((a, b) => a - b));
  expect(byHash.every(Number.isSafeInteger)).toBe(true);
});
