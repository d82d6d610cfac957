import { describe, expect, it } from 'vitest';
import { Layered, layered } from './layered.js';

const base = new Map([
  ['a', 1],
  ['b', 2],
  ['c', 3],
]);

describe('Layered', () => {
  it('is the shared map, with own entries before its own and without hidden ones', () => {
    const map = new Layered(
      base,
      new Map([
        ['b', 20],
        ['d', 40],
      ]),
      new Set(['a', 'b', 'x']),
    );
    expect([...map]).toEqual([
      ['b', 20],
      ['c', 3],
      ['d', 40],
    ]);
    expect(map.size).toBe(3);
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, 20, 3]);
    expect([map.has('a'), map.has('b'), map.has('d')]).toEqual([false, true, true]);
    expect([...map.keys()]).toEqual(['b', 'c', 'd']);
  });
});

it('does not pile up layers', () => {
  const once = layered(base, new Map([['a', 10]]));
  const twice = layered(once, new Map([['d', 4]]));
  expect(twice).not.toBeInstanceOf(Layered);
  expect([...twice]).toEqual([
    ['a', 10],
    ['b', 2],
    ['c', 3],
    ['d', 4],
  ]);
});
