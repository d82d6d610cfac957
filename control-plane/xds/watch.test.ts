import { expect, it } from 'vitest';
import type { EncodedMap, EncodedResource } from './encoded.js';
import { Watch } from './watch.js';

const target = (...names: string[]): EncodedMap =>
  new Map(names.map((name) => [name, { name, version: '1' } as EncodedResource]));

/** Sends the difference, as a stream of delta xDS does; what is said not to exist. */
function sent(
  watch: Watch,
  to: EncodedMap,
): { upserts: string[]; removed: readonly string[]; missing: readonly string[] } {
  const { upserts, removed, missing } = watch.difference(to);
  watch.settle(to, removed);
  if (upserts.length + missing.length > 0) watch.recordSent('1', missing, upserts);
  watch.acknowledge();
  if (removed.length > 0) watch.recordSent('2', removed, []);
  watch.acknowledge();
  return { upserts: upserts.map(({ name }) => name), removed, missing };
}

it('says once of each name that nobody has it', () => {
  const watch = new Watch('type');
  watch.subscribe(['a', 'b']);
  const first = target('a');
  expect(sent(watch, first)).toEqual({ upserts: ['a'], removed: [], missing: ['b'] });
  expect(sent(watch, target('a'))).toEqual({ upserts: [], removed: [], missing: [] });
  // It comes, and goes again.
  expect(sent(watch, target('a', 'b'))).toEqual({ upserts: ['b'], removed: [], missing: [] });
  expect(sent(watch, target('a'))).toEqual({ upserts: [], removed: ['b'], missing: [] });
  expect(sent(watch, target('a'))).toEqual({ upserts: [], removed: [], missing: [] });
  // It asks for it once more, and for another.
  watch.subscribe(['b', 'c']);
  expect(sent(watch, target('a'))).toEqual({ upserts: [], removed: [], missing: ['b', 'c'] });
});

it('says of what the client let go of that it is no more', () => {
  const watch = new Watch('type');
  watch.subscribe(['a']);
  sent(watch, target('a'));
  watch.forget('a');
  expect(sent(watch, target())).toEqual({ upserts: [], removed: [], missing: ['a'] });
});
