import { describe, expect, it } from 'vitest';
import { Layered } from '../layered.js';
import { changesBetween, versionOfAll } from './changes.js';
import type { EncodedMap, EncodedResource } from './encoded.js';

const bytes = Buffer.alloc(0);
const map = (versions: Record<string, string>): Map<string, EncodedResource> =>
  new Map(
    Object.entries(versions).map(([name, version]) => [name, { name, version, bytes, field: bytes, message: {} }]),
  );
const between = (before: EncodedMap, after: EncodedMap): string[] => {
  const { changed, gone } = changesBetween(before, after);
  return [...changed.map(({ name }) => `+${name}`), ...gone.map((name) => `-${name}`)].sort();
};

describe('changesBetween', () => {
  it.each<[string, EncodedMap, EncodedMap, string[]]>([
    ['plain maps', map({ a: '1', b: '1', c: '1' }), map({ a: '1', b: '2', d: '1' }), ['+b', '+d', '-c']],
    [
      'layers over one map',
      new Layered(map({ a: '1' }), map({ b: '1' })),
      new Layered(map({ a: '1' }), map({})),
      ['-b'],
    ],
    [
      'an own entry that took the place of a shared one',
      new Layered(map({ a: '1', b: '1' }), map({})),
      new Layered(map({ a: '1', b: '1' }), map({ a: '2' }), new Set(['b'])),
      ['+a', '-b'],
    ],
    ['a layer over the same content', new Layered(map({ a: '1' }), map({})), map({ a: '1' }), []],
  ])('%s', (_, before, after, expected) => {
    expect(between(before, after)).toEqual(expected);
    expect(changesBetween(before, after)).toBe(changesBetween(before, after));
  });
});

it('gives equal content one version', () => {
  expect(versionOfAll(map({ a: '1', b: '2' }))).toBe(versionOfAll(map({ b: '2', a: '1' })));
  expect(versionOfAll(map({ a: '1' }))).not.toBe(versionOfAll(map({ a: '2' })));
});
