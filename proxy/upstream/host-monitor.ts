import type { OutlierConfig } from './cluster-config.js';

/** Results within one interval. */
export interface Volume {
  total: number;
  success: number;
}

/** What outlier detection remembers of one host. */
export class HostMonitor {
  consecutive5xx = 0;
  consecutiveGateway = 0;
  consecutiveLocalOrigin = 0;
  /** Of the last interval, percent; -1 is unknown. */
  successRate = -1;
  readonly external: Volume = { total: 0, success: 0 };
  readonly localOrigin: Volume = { total: 0, success: 0 };
  /** Multiplier of the base ejection time: up by one an ejection, down by one a healthy interval. */
  ejections = 0;
  /** Monotonic ms. */
  ejectedAt = 0;
  ejectionJitterMs = 0;

  response(status: number): void {
    this.external.total++;
    if (status < 500) {
      this.external.success++;
      this.consecutive5xx = 0;
      this.consecutiveGateway = 0;
      return;
    }
    this.consecutive5xx++;
    this.consecutiveGateway = status >= 502 && status <= 504 ? this.consecutiveGateway + 1 : 0;
  }

  localOriginSuccess(): void {
    this.localOrigin.total++;
    this.localOrigin.success++;
    this.consecutiveLocalOrigin = 0;
  }

  /** Failures in a row, this one included. */
  localOriginFailure(): number {
    this.localOrigin.total++;
    return ++this.consecutiveLocalOrigin;
  }

  ejectionMs(config: OutlierConfig): number {
    return Math.min(config.baseEjectionMs * this.ejections, config.maxEjectionMs) + this.ejectionJitterMs;
  }

  resetConsecutive(): void {
    this.consecutive5xx = 0;
    this.consecutiveGateway = 0;
    this.consecutiveLocalOrigin = 0;
  }

  startInterval(minimumVolume: number): void {
    const { total, success } = this.external;
    this.successRate = total > 0 && total >= minimumVolume ? (100 * success) / total : -1;
    this.external.total = 0;
    this.external.success = 0;
    this.localOrigin.total = 0;
    this.localOrigin.success = 0;
  }
}
