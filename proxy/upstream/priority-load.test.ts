import { expect, it } from 'vitest';
import { type PriorityCounts, priorityLoads } from './priority-load.js';

const level = (healthy: number, total: number, degraded = 0): PriorityCounts => ({ healthy, degraded, total });

// The tables of Envoy's architecture overview, with its overprovisioning factor of 140 percent.
it.each([
  ['all healthy', [level(4, 4)], [100], [0], [false]],
  ['72 % and 72 %', [level(18, 25), level(18, 25)], [100, 0], [0, 0], [false, false]],
  ['71 % healthy', [level(71, 100), level(100, 100)], [99, 1], [0, 0], [false, false]],
  ['50 % healthy', [level(50, 100), level(100, 100)], [70, 30], [0, 0], [false, false]],
  ['25 % and 100 %', [level(25, 100), level(100, 100)], [35, 65], [0, 0], [false, false]],
  ['25 % and 25 %', [level(25, 100), level(25, 100)], [50, 50], [0, 0], [true, true]],
  ['none, all', [level(0, 10), level(10, 10)], [0, 100], [0, 0], [false, false]],
  ['nothing healthy', [level(0, 4)], [100], [0], [true]],
  ['only degraded', [level(0, 4, 4)], [0], [100], [false]],
  ['half degraded', [level(2, 4, 2)], [70], [30], [false]],
])('%s', (_, counts, healthy, degraded, panic) => {
  expect(priorityLoads(counts, 140, 50)).toEqual({ healthy, degraded, panic });
});

it('never panics at a threshold of 0', () => {
  expect(priorityLoads([level(0, 4)], 140, 0)).toEqual({ healthy: [100], degraded: [0], panic: [false] });
});
