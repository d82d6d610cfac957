import { getHeapStatistics } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../common/runtime/testing.js';
import { YoungGeneration, youngMemory } from './young-generation.js';

const MIB = 1024 * 1024;

describe('the young generation', () => {
  test('grows only from the second on in which much is allocated', () => {
    const clock = new ManualClock();
    let allocated = 50 * MIB;
    const told: boolean[] = [];
    new YoungGeneration({ allocated: () => allocated, mayGrow: (may) => told.push(may) }, clock);
    const second = (mib: number): number => {
      allocated += mib * MIB;
      clock.advance(1000);
      return told.length;
    };
    expect([20, 90, 20, 90, 50, 90, 2, 0].map(second)).toEqual([1, 1, 1, 1, 2, 2, 3, 3]);
    expect(told).toEqual([false, true, false]);
  });

  test('is left alone where V8 does not tell', () => {
    const clock = new ManualClock();
    const told: boolean[] = [];
    new YoungGeneration({ allocated: () => undefined, mayGrow: (may) => told.push(may) }, clock);
    clock.advance(5000);
    expect(told).toEqual([]);
  });

  test('V8 takes both', () => {
    expect(youngMemory.allocated() === undefined).toBe(!('total_allocated_bytes' in getHeapStatistics()));
    expect(() => [false, true].forEach((may) => void youngMemory.mayGrow(may))).not.toThrow();
  });
});
