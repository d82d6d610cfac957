import type { Counter } from '../../common/runtime/counters.js';

type Find = (name: string) => Counter;

/**
 * Statistics of the routes that share a `stat_prefix`, by Envoy's names: `vhost.HOST.route.PREFIX.upstream_rq_200`. Those of
 * statuses begin when they first count.
 */
export class RouteStats {
  /** Attempts that had a connection, and requests that took too long. */
  readonly total: Counter;
  readonly timeouts: Counter;
  readonly retries: Counter;
  readonly retrySuccesses: Counter;
  readonly retryOverflows: Counter;
  readonly retryLimits: Counter;
  private readonly statuses = new Map<number, readonly Counter[]>();
  private readonly stat: Find;

  constructor(virtualHost: string, prefix: string, find: Find) {
    this.stat = (name) => find(`vhost.${virtualHost}.route.${prefix}.upstream_rq_${name}`);
    this.total = this.stat('total');
    this.timeouts = this.stat('timeout');
    this.retries = this.stat('retry');
    this.retrySuccesses = this.stat('retry_success');
    this.retryOverflows = this.stat('retry_overflow');
    this.retryLimits = this.stat('retry_limit_exceeded');
  }

  /** An answer, or our own in its place. */
  answered(status: number): void {
    let counters = this.statuses.get(status);
    if (counters === undefined) {
      counters = [String(status), `${Math.floor(status / 100)}xx`, 'completed'].map(this.stat);
      this.statuses.set(status, counters);
    }
    for (const counter of counters) counter.increment();
  }
}
