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
      const state = new BreakerState({
        ...NO_LIMIT,
        maxRetries: 0,
        retryBudget: { percent, minConcurrency },
        trackRemaining: false,
      });
      Object.assign(state, { requests, pending, retries });
      expect(retryAllowed(state)).toBe(allowed);
    },
  );

  it('goes by the fixed limit without a budget', () => {
    const state = new BreakerState({ ...NO_LIMIT, maxRetries: 2, retryBudget: undefined, trackRemaining: false });
    state.retries = 1;
    expect(retryAllowed(state)).toBe(true);
    state.retries = 2;
    expect(retryAllowed(state)).toBe(false);
  });
});
