import { expect, it } from 'vitest';
import { Admission } from './admission.js';

it('lets in as many as it may, the rest in order, and none who has given up', () => {
  const admission = new Admission(2);
  const seen: string[] = [];
  const enter = (name: string): (() => void) => admission.enter(() => seen.push(name));
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
