import { describe, expect, it } from 'vitest';
import { BreakerState, retryAllowed } from './resources.js';

describe('retryAllowed', () => {
  const NO_LIMIT = { maxConnections: 1000, maxPendingRequests: 1000, maxRequests: 1000 };

  it.each([
    // percent, floor, requests, pending, retries under way, allowed
    [20, 3, 0, 0, 2, true],
    [20, 3, 0, 0, 3, false],
    [20, 3, 40, 0, 7, true],
    [20, 3, 40, 0, 8, false],
    [20, 3, 20, 20, 7, true],
    [25, 0, 3, 0, 0, false],
    [25, 0, 4, 0, 0, true],
    [0, 0, 100, 0, 0, false],
  ])(
    'budget of %d %%, at least %d, with %d requests and %d waiting: a retry beside %d: %s',
    (percent, minConcurrency, requests, pending, retries, allowed) => {
      const state = new BreakerState(
        {
          ...NO_LIMIT,
          maxRetries: 0,
          retryBudget: { percent, minConcurrency, intervalMs: 0 },
          trackRemaining: false,
        },
        () => 0,
      );
      Object.assign(state, { requests, pending, retries });
      expect(retryAllowed(state)).toBe(allowed);
    },
  );

  it('goes by the fixed limit without a budget', () => {
    const state = new BreakerState(
      { ...NO_LIMIT, maxRetries: 2, retryBudget: undefined, trackRemaining: false },
      () => 0,
    );
    state.retries = 1;
    expect(retryAllowed(state)).toBe(true);
    state.retries = 2;
    expect(retryAllowed(state)).toBe(false);
  });
});

it('a budget of a time goes by the requests that began within it', () => {
  let now = 0;
  const retryBudget = { percent: 20, minConcurrency: 1, intervalMs: 10_000 };
  const limits = { maxConnections: 1, maxPendingRequests: 1, maxRequests: 1, maxRetries: 0, trackRemaining: false };
  const state = new BreakerState({ ...limits, retryBudget }, () => now);
  const allowedBeside = (retries: number): boolean => {
    state.retries = retries;
    return retryAllowed(state);
  };
  for (let i = 0; i < 20; i++) {
    now += 100;
    state.recent?.begin();
  }
  expect(allowedBeside(3)).toBe(true);
  expect(allowedBeside(4)).toBe(false);
  // An update that leaves the time as it is forgets nothing.
  state.setLimits({ ...limits, retryBudget: { ...retryBudget, percent: 40 } });
  expect(allowedBeside(7)).toBe(true);
  now = 11_500;
  expect(state.recent?.count()).toBe(11);
  now = 60_000;
  expect(state.recent?.count()).toBe(0);
  expect(allowedBeside(0)).toBe(true);
  expect(allowedBeside(1)).toBe(false);
});
