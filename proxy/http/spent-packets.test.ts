import { PerformanceObserver } from 'node:perf_hooks';
import { describe, expect, test } from 'vitest';
import { type Heap, SpentPackets, v8Heap } from './spent-packets.js';

const MIB = 1024 * 1024;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

function setUp(size: number) {
  const calls: string[] = [];
  let now = 0;
  const timers: (() => void)[] = [];
  const heap: Heap = {
    size: () => size,
    collectYoung: () => calls.push('collect'),
    setGrowth: (percent) => calls.push(`growth ${percent}`),
  };
  const clock = {
    now: () => 0,
    monotonic: () => now,
    after: (_ms: number, callback: () => void) => {
      timers.push(callback);
      return { cancel: () => {} };
    },
  };
  return {
    calls,
    spent: new SpentPackets(heap, clock),
    pass: (ms: number) => {
      now += ms;
      if (ms >= 10_000) timers.shift()?.();
    },
  };
}

const feed = async (spent: SpentPackets, mib: number): Promise<void> => {
  for (let i = 0; i < mib; i++) spent.count(MIB);
  await turn();
};

describe('memory of packets', () => {
  test('is collected once for some megabytes of them', async () => {
    const { calls, spent, pass } = setUp(16 * MIB);
    await feed(spent, 7);
    expect(calls).toEqual([]);
    await feed(spent, 3);
    pass(1000);
    await feed(spent, 10);
    expect(calls).toEqual(['collect', 'collect']);
  });

  test.each([
    [16, 'growth 200'],
    [512, 'growth 50'],
  ])('a heap of %i MiB has room while many come', async (size, growth) => {
    const { calls, spent, pass } = setUp(size * MIB);
    for (let i = 0; i < 3; i++) await feed(spent, 8);
    expect(calls).toEqual(['collect', 'collect', growth, 'collect']);
    pass(10_000);
    expect(calls).toHaveLength(4);
    pass(10_000);
    expect(calls.slice(4)).toEqual(['collect', 'growth 0']);
    for (let i = 0; i < 2; i++) await feed(spent, 8);
    expect(calls.at(-1)).toBe(growth);
  });

  test('V8 collects young objects when told to', async () => {
    const kinds: unknown[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) kinds.push((Reflect.get(entry, 'detail') as { kind: unknown }).kind);
    });
    observer.observe({ entryTypes: ['gc'] });
    v8Heap.collectYoung();
    v8Heap.setGrowth(100);
    v8Heap.setGrowth(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    observer.disconnect();
    expect(kinds).toContain(1);
  });
});
