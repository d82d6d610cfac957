import { describe, expect, it } from 'vitest';
import { SortedMap } from './sorted-map.js';

/** Numbers in [0, 1) that are the same in each run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const empty = SortedMap.from<string, number>([]);

describe('a sorted map', () => {
  it.each([1, 2, 3])('is what a map would be after the same changes (seed %i)', (seed) => {
    const random = randomFrom(seed);
    const plain = new Map<string, number>();
    let sorted = empty;
    let before = sorted;
    let was = new Map(plain);
    for (let i = 0; i < 3000; i++) {
      const key = `k${Math.floor(random() * 700)}`;
      const value = random() < (i % 1000 < 500 ? 0.2 : 0.7) ? undefined : i;
      if (value === undefined) plain.delete(key);
      else plain.set(key, value);
      sorted = sorted.changed(key, value);
      expect(sorted.get(key)).toBe(value);
      expect(sorted.size).toBe(plain.size);
      if (i % 50 !== 0) continue;
      const inOrder = [...plain].sort(([a], [b]) => (a < b ? -1 : 1));
      expect([...sorted]).toEqual(inOrder);
      expect(sorted.list).toEqual(inOrder.map(([, one]) => one));
      expect([...before]).toEqual([...was].sort(([a], [b]) => (a < b ? -1 : 1)));
      const keys = [...new Set([...was.keys(), ...plain.keys()])].sort();
      const differing = keys.filter((one) => was.get(one) !== plain.get(one));
      const expected = differing.map((one) => ({ key: one, before: was.get(one), after: plain.get(one) }));
      expect(sorted.since(before)).toEqual(expected);
      expect(SortedMap.from(plain).since(sorted)).toEqual([]);
      before = sorted;
      was = new Map(plain);
    }
  });

  it('is made of entries in any order, of which the last of a key counts', () => {
    const map = SortedMap.from([
      ['b', 1],
      ['a', 2],
      ['b', 3],
    ]);
    expect([...map]).toEqual([
      ['a', 2],
      ['b', 3],
    ]);
  });

  it('stays the same where nothing changes', () => {
    const map = empty.with('a', 1).with('b', 2);
    expect(map.with('a', 1)).toBe(map);
    expect(map.without('c')).toBe(map);
    expect(map.list).toBe(map.list);
    expect(map.since(map)).toEqual([]);
  });

  it('has nothing where it is empty', () => {
    expect(empty.get('a')).toBeUndefined();
    expect(empty.has('')).toBe(false);
    expect([...empty]).toEqual([]);
    expect([...empty.with('a', 1).without('a')]).toEqual([]);
  });
});
