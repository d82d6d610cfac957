import type { Random } from '../../../common/runtime/clock.js';
import type { ResponseHead } from '../../http/message.js';
import type { ResetReason } from '../../http/stream.js';
import type { ClusterResources } from '../../upstream/cluster.js';
import { retryAllowed } from '../../upstream/resources.js';
import type { RetryCondition } from '../retry-conditions.js';
import type { RouteStats } from '../route-stats.js';
import type { RetryOptions } from './retry-options.js';

/** `no`: not asked for. The other two are reasons why a retry that was asked for does not take place. */
export type RetryDecision = 'yes' | 'no' | 'limit-exceeded' | 'overflow';

const GRPC_STATUS: Readonly<Record<string, RetryCondition>> = {
  '1': 'cancelled',
  '4': 'deadline-exceeded',
  '8': 'resource-exhausted',
  '13': 'internal',
  '14': 'unavailable',
};

/** The retries of one request: which are left, which hold a place in the cluster's limit, how long to wait. */
export class RetryState {
  private left: number;
  private nextIntervalMs: number;
  private holding = false;

  constructor(
    private readonly options: RetryOptions,
    private readonly resources: ClusterResources,
    private readonly random: Random,
    private readonly stats: RouteStats | undefined = undefined,
  ) {
    this.left = options.retries;
    this.nextIntervalMs = options.backOffBaseMs;
  }

  afterResponse(head: ResponseHead): RetryDecision {
    return this.decide(this.wantsAfterResponse(head));
  }

  /** `sent`: whether any of the request may have reached the host. */
  afterReset(reason: ResetReason, sent: boolean): RetryDecision {
    return this.decide(this.wantsAfterReset(reason, sent));
  }

  /** Fully jittered exponential back-off, ms. */
  backOff(): number {
    const interval = this.nextIntervalMs;
    this.nextIntervalMs = Math.min(interval * 2, this.options.backOffMaxMs);
    return this.random() * interval;
  }

  /** Gives the place in the cluster's limit back. */
  release(): void {
    if (!this.holding) return;
    this.holding = false;
    this.resources.retries--;
  }

  private decide(wanted: boolean): RetryDecision {
    const retried = this.holding;
    this.release();
    if (!wanted) {
      if (retried) {
        this.resources.retrySuccesses++;
        this.stats?.retrySuccesses.increment();
      }
      return 'no';
    }
    if (this.left === 0) {
      this.resources.retryLimits++;
      this.stats?.retryLimits.increment();
      return 'limit-exceeded';
    }
    this.left--;
    if (!retryAllowed(this.resources)) {
      this.resources.retryOverflows++;
      this.stats?.retryOverflows.increment();
      return 'overflow';
    }
    this.holding = true;
    this.resources.retries++;
    this.resources.retriesBegun++;
    this.stats?.retries.increment();
    return 'yes';
  }

  private wantsAfterResponse(head: ResponseHead): boolean {
    const { on, statusCodes } = this.options;
    const { status, headers } = head;
    if (headers.has('x-envoy-ratelimited')) return on.has('envoy-ratelimited');
    if (status >= 500 && on.has('5xx')) return true;
    if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
    if (status === 409 && on.has('retriable-4xx')) return true;
    if (on.has('retriable-status-codes') && statusCodes.has(status)) return true;
    if (on.has('retriable-headers') && this.hasRetriableHeader(head)) return true;
    const grpc = headers.get('grpc-status');
    const condition = grpc === undefined ? undefined : GRPC_STATUS[grpc];
    return condition !== undefined && on.has(condition);
  }

  private hasRetriableHeader(head: ResponseHead): boolean {
    const matchers = this.options.policy?.retriableHeaders ?? [];
    return (
      matchers.some((matches) => matches(head)) || this.options.retriableHeaders.some((name) => head.headers.has(name))
    );
  }

  private wantsAfterReset(reason: ResetReason, sent: boolean): boolean {
    const { on } = this.options;
    if (reason === 'overflow') return false;
    if (on.has('reset') || on.has('5xx') || on.has('gateway-error')) return true;
    if (on.has('reset-before-request') && !sent) return true;
    if (on.has('refused-stream') && reason === 'refused') return true;
    return on.has('connect-failure') && (reason === 'connect-failure' || reason === 'connect-timeout');
  }
}
