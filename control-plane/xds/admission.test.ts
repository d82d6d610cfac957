import { expect, it } from 'vitest';
import { Admission } from './admission.js';

it('lets in as many as it may, the rest in order, and none who has given up', () => {
  const admission = new Admission(2, 2);
  const seen: string[] = [];
  const enter = (name: string): (() => void) => admission.enter('one', () => seen.push(name));
  const [a, , c, d] = [enter('a'), enter('b'), enter('c'), enter('d')];
  expect(seen).toEqual(['a', 'b']);
  expect(admission.queued).toBe(2);
  c?.();
  a?.();
  expect(seen).toEqual(['a', 'b', 'd']);
  a?.();
  d?.();
  enter('e');
  expect(seen).toEqual(['a', 'b', 'd', 'e']);
  expect(admission.queued).toBe(0);
});

it('keeps places for other connections than one that has many streams', () => {
  const admission = new Admission(3, 2);
  const seen: string[] = [];
  const enter = (connection: string, name: string): (() => void) => admission.enter(connection, () => seen.push(name));
  const leaves = [1, 2, 3, 4].map((n) => enter('greedy', `greedy ${n}`));
  enter('other', 'other');
  expect(seen).toEqual(['greedy 1', 'greedy 2', 'other']);
  leaves[0]?.();
  expect(seen.at(-1)).toBe('greedy 3');
  expect(admission.queued).toBe(1);
});
