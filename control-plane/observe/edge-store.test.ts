import { expect, it } from 'vitest';
import { latencyPercentile } from '../../common/runtime/edge-report.js';
import { EdgeStore } from './edge-store.js';
import { edge } from './testing.js';

const START = 1_700_000_000_000;

function store(workloads = 1) {
  let now = START;
  const clock = { now: () => now, monotonic: () => now, after: () => ({ cancel: () => {} }) };
  const edges = new EdgeStore(
    clock,
    () => workloads,
    () => 0,
  );
  return { edges, at: (time: number) => (now = time), now: () => now };
}

it('keeps every count of an hour, however old', async () => {
  const { edges, at, now } = store();
  let told = 0;
  for (let second = 5; second <= 3600; second += 5) {
    at(START + second * 1000);
    edges.add('a/pod', edge({ count: 7 + (second % 3) }), 5000);
    told += 7 + (second % 3);
  }
  const { value } = await edges.sums({ from: START - 60_000, to: now() + 2000 });
  expect(value).toHaveLength(1);
  expect(value[0]?.responses).toEqual([expect.objectContaining({ code: 200, count: told })]);
  expect(value[0]?.latency.count).toBe(told);
  expect(value[0]?.traffic).toMatchObject({ sentBytes: told * 10 });
});

it('tells of a window only what is in it, within a step', async () => {
  const { edges, at } = store();
  for (let second = 5; second <= 600; second += 5) {
    at(START + second * 1000);
    edges.add('a/pod', edge({ count: 50 }), 5000);
  }
  for (const [from, to] of [
    [540, 600],
    [300, 420],
    [0, 60],
  ] as const) {
    const { value } = await edges.sums({ from: START + from * 1000, to: START + to * 1000 });
    const count = value[0]?.latency.count ?? 0;
    // 10 a second; a coarse step that is cut is taken as a whole.
    expect(count).toBeGreaterThanOrEqual((to - from - 15) * 10);
    expect(count).toBeLessThanOrEqual((to - from + 15) * 10);
  }
});

it('spreads a sample over the time that it is of', async () => {
  const { edges, at } = store();
  for (let second = 5; second <= 60; second += 5) {
    at(START + second * 1000);
    edges.add('a/pod', edge({ count: 100 }), 5000);
  }
  const { value } = await edges.steps({ from: START + 10_000, to: START + 50_000 }, 2000);
  expect(value).toHaveLength(20);
  for (const step of value) expect(step[0]?.responses[0]?.count).toBe(40);
});

it('keeps percentiles', async () => {
  const { edges, at } = store();
  at(START + 5000);
  edges.add('a/pod', edge({ count: 90, ms: 3 }), 5000);
  edges.add('a/pod', edge({ count: 10, ms: 200 }), 5000);
  const { value } = await edges.sums({ from: START, to: START + 6000 });
  const latency = value[0]?.latency ?? { count: 0, sumMs: 0, buckets: [] };
  expect(latencyPercentile(latency, 0.5)).toBeCloseTo(3, 0);
  expect(latencyPercentile(latency, 0.99) ?? 0).toBeGreaterThan(190);
});

it('forgets what is older than an hour', async () => {
  const { edges, at } = store();
  at(START + 5000);
  edges.add('a/pod', edge({ count: 9 }), 5000);
  at(START + 2 * 3_600_000);
  edges.add('a/pod', edge({ count: 1, to: 'other' }), 5000);
  expect(edges.size.edges).toBe(1);
});

it('takes no new edges beyond its memory, and says so', async () => {
  const { edges, at, now } = store();
  for (let index = 0; index < 5000; index++) {
    if (index % 100 === 0) at(START + index * 1000);
    edges.add('a/pod', edge({ count: 1, to: `workload-${index}` }), 5000);
  }
  const { bytes, limit } = edges.size;
  expect(bytes).toBeLessThanOrEqual(limit);
  const { notes } = await edges.sums({ from: START, to: now() });
  expect(notes.join()).toMatch(/did not fit/);
});

it('tells of connections that are open, until their proxy is gone', async () => {
  const { edges, at } = store();
  at(START + 5000);
  edges.add('a/pod', edge({ count: 0, open: 3 }), 5000);
  const open = async () => (await edges.sums({ from: START, to: START + 6000 })).value[0]?.traffic?.open;
  expect(await open()).toBe(3);
  edges.gone('a/pod');
  expect(await open()).toBeUndefined();
});
