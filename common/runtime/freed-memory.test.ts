import { describe, expect, test } from 'vitest';
import { FreedMemory, processMemory } from './freed-memory.js';
import { ManualClock } from './testing.js';

const MIB = 1024 * 1024;

describe('freed memory', () => {
  test('is given back when the process has grown, and not again before it has grown again', () => {
    const clock = new ManualClock();
    let resident = 60 * MIB;
    let trims = 0;
    const trim = (): number => {
      trims++;
      resident -= MIB / 2;
      return 1;
    };
    new FreedMemory({ resident: () => resident, trim }, clock);
    const grow = (halves: number): number => {
      resident += (halves * MIB) / 2;
      clock.advance(1000);
      return trims;
    };
    expect([grow(0), grow(1), grow(1), grow(0), grow(1), grow(1)]).toEqual([0, 0, 1, 1, 1, 2]);
  });

  test('what V8 has given back counts as not grown', () => {
    const clock = new ManualClock();
    let resident = 60 * MIB;
    let trims = 0;
    const trim = (): number => {
      trims++;
      return 1;
    };
    new FreedMemory({ resident: () => resident, trim }, clock);
    for (const mib of [50, 52]) {
      resident = mib * MIB;
      clock.advance(1000);
    }
    expect(trims).toBe(1);
  });

  test('takes a thousandth of the time at most', () => {
    const clock = new ManualClock();
    let resident = 0;
    let trims = 0;
    const trim = (): number => {
      trims++;
      return 20;
    };
    new FreedMemory({ resident: () => (resident += 3 * MIB), trim }, clock);
    clock.advance(1000);
    clock.advance(19_999);
    expect(trims).toBe(1);
    clock.advance(1);
    expect(trims).toBe(2);
  });

  test('libc is called', () => {
    expect(processMemory.resident()).toBeGreaterThan(MIB);
    expect(() => processMemory.trim()).not.toThrow();
  });
});
