import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.js';

describe('Backoff', () => {
  it('doubles its ceiling up to the maximum and starts over after a reset', () => {
    const backoff = new Backoff({ baseMs: 500, maxMs: 30_000, random: () => 1 });
    const delays = Array.from({ length: 8 }, () => backoff.next());
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    backoff.reset();
    expect(backoff.next()).toBe(500);
  });

  it('stays below the limit of one try', () => {
    const backoff = new Backoff({ baseMs: 500, maxMs: 30_000, random: () => 1 });
    expect([1, 2, 3, 4].map(() => backoff.next(2000))).toEqual([500, 1000, 2000, 2000]);
    expect(backoff.next()).toBe(8000);
  });

  it('never waits less than the base', () => {
    const backoff = new Backoff({ baseMs: 500, maxMs: 30_000, random: () => 0 });
    expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([500, 500, 500]);
  });
});
