import { describe, expect, it } from 'vitest';
import type { Http2Stream } from './stream.js';
import { StreamTable } from './stream-table.js';

const streamOf = (id: number): Http2Stream => ({ id }) as Http2Stream;

describe('StreamTable', () => {
  it('finds what is in it, and nothing else', () => {
    const table = new StreamTable<Http2Stream>();
    const first = streamOf(1);
    table.add(first);
    expect(table.get(1)).toBe(first);
    // Whose slots are the same.
    for (const id of [0, 2, 17, 33]) expect(table.get(id)).toBeUndefined();
    table.delete(streamOf(17));
    expect(table.size).toBe(1);
    table.delete(first);
    table.delete(first);
    expect([table.size, table.get(1)]).toEqual([0, undefined]);
  });

  it('does what a Map does, in whatever order streams come and go', () => {
    const table = new StreamTable<Http2Stream>();
    const model = new Map<number, Http2Stream>();
    let seed = 42;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    let next = 1;
    for (let step = 0; step < 20_000; step++) {
      // Now many are open, now few, and some stay for long.
      if (random(100) < (step % 4000 < 2000 ? 60 : 45)) {
        next += 2 * (1 + random(3));
        const stream = streamOf(next);
        table.add(stream);
        model.set(next, stream);
      } else if (model.size > 0) {
        const ids = [...model.keys()];
        const id = ids[random(10) === 0 ? random(ids.length) : ids.length - 1] as number;
        table.delete(model.get(id) as Http2Stream);
        model.delete(id);
      }
      expect(table.size).toBe(model.size);
      const asked = random(next + 2);
      expect(table.get(asked)).toBe(model.get(asked));
    }
    expect(table.copy()).toEqual([...model.values()]);
  });
});
