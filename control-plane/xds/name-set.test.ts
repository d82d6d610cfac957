import { expect, it } from 'vitest';
import { NameSet } from './name-set.js';

it('is one set for all that asked for the same', () => {
  const one = NameSet.EMPTY.with(['a', 'b']).with(['c']);
  const other = NameSet.EMPTY.with(['a', 'b']).with(['b', 'c']);
  expect(other).toBe(one);
  expect([...one]).toEqual(['a', 'b', 'c']);
  expect(one.with(['a'])).toBe(one);
  expect([...one.without(['b', 'x'])]).toEqual(['a', 'c']);
  expect(one.without(['a', 'b', 'c'])).toBe(NameSet.EMPTY);
  expect(one.has('b')).toBe(true);
});
