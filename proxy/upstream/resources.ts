import type { ClusterResources } from './cluster.js';
import type { BreakerLimits } from './cluster-config.js';
import { RecentRequests } from './recent-requests.js';

/** Circuit breakers of one priority: limits that an update may change, and what is in use. */
export class BreakerState implements ClusterResources {
  maxConnections = 0;
  maxPendingRequests = 0;
  maxRequests = 0;
  maxRetries = 0;
  retryBudget: ClusterResources['retryBudget'] = undefined;
  recent: RecentRequests | undefined = undefined;
  connections = 0;
  pending = 0;
  requests = 0;
  retries = 0;
  trackRemaining = false;
  overflows = 0;
  connectionOverflows = 0;
  retryOverflows = 0;
  retriesBegun = 0;
  retrySuccesses = 0;
  retryLimits = 0;

  /** @param now monotonic, ms */
  constructor(
    limits: BreakerLimits,
    private readonly now: () => number,
  ) {
    this.setLimits(limits);
  }

  setLimits(limits: BreakerLimits): void {
    this.maxConnections = limits.maxConnections;
    this.maxPendingRequests = limits.maxPendingRequests;
    this.maxRequests = limits.maxRequests;
    this.maxRetries = limits.maxRetries;
    this.retryBudget = limits.retryBudget;
    const intervalMs = limits.retryBudget?.intervalMs ?? 0;
    if (intervalMs !== (this.recent?.intervalMs ?? 0)) {
      this.recent = intervalMs > 0 ? new RecentRequests(intervalMs, this.now) : undefined;
    }
    this.trackRemaining = limits.trackRemaining;
  }
}

/** Whether one more retry may run: the budget's share of what is under way, or was lately, or the fixed limit. */
export function retryAllowed(resources: ClusterResources): boolean {
  const budget = resources.retryBudget;
  if (budget === undefined) return resources.retries < resources.maxRetries;
  const active = resources.recent?.count() ?? resources.requests + resources.pending;
  return resources.retries < Math.max(Math.floor((budget.percent / 100) * active), budget.minConcurrency);
}
