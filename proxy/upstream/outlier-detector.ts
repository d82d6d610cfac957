import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import type { AttemptOutcome } from './cluster.js';
import type { OutlierConfig } from './cluster-config.js';
import type { UpstreamHost } from './host.js';
import { HostMonitor } from './host-monitor.js';
import { failurePercentageOutliers, successRateOutliers, type VolumeOf } from './outlier-statistics.js';

export type EjectionType =
  | 'consecutive_5xx'
  | 'consecutive_gateway_failure'
  | 'consecutive_local_origin_failure'
  | 'success_rate'
  | 'local_origin_success_rate'
  | 'failure_percentage'
  | 'failure_percentage_local_origin';

/** Names as Envoy's `cluster.NAME.outlier_detection.` statistics. */
export interface OutlierStats {
  ejectionsActive: number;
  ejectionsOverflow: number;
  ejectionsEnforcedTotal: number;
  readonly detected: Record<EjectionType, number>;
  readonly enforced: Record<EjectionType, number>;
}

/**
 * Outlier detection of one cluster (envoy.config.cluster.v3.OutlierDetection): failures in a row eject at once, rates
 * at every interval; the same sweep lets hosts back in. `onChange` is called after hosts were ejected or came back.
 */
export class OutlierDetector {
  readonly stats: OutlierStats = {
    ejectionsActive: 0,
    ejectionsOverflow: 0,
    ejectionsEnforcedTotal: 0,
    detected: zeroes(),
    enforced: zeroes(),
  };
  private config: OutlierConfig | undefined;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly onChange: () => void;
  private monitors = new Map<UpstreamHost, HostMonitor>();
  private timer: Timer | undefined = undefined;

  constructor(
    config: OutlierConfig | undefined,
    deps: { readonly clock: Clock; readonly random: Random },
    onChange: () => void,
  ) {
    this.config = config;
    this.clock = deps.clock;
    this.random = deps.random;
    this.onChange = onChange;
  }

  /** Begins with a new set of hosts; those known already keep their counters and stay ejected. */
  setHosts(hosts: readonly UpstreamHost[]): void {
    if (this.config === undefined) return;
    const next = new Map<UpstreamHost, HostMonitor>();
    for (const host of hosts) next.set(host, this.monitors.get(host) ?? new HostMonitor());
    for (const host of this.monitors.keys()) if (!next.has(host)) this.letIn(host);
    this.monitors = next;
    if (next.size > 0) this.timer ??= this.clock.after(this.config.intervalMs, this.sweep);
    else this.stop();
  }

  reconfigure(config: OutlierConfig | undefined): void {
    const hosts = [...this.monitors.keys()];
    if (config === undefined) {
      for (const host of hosts) this.letIn(host);
      this.monitors.clear();
    }
    if (config?.intervalMs !== this.config?.intervalMs) this.stop();
    this.config = config;
    this.setHosts(hosts);
  }

  close(): void {
    this.stop();
  }

  /** Success rate of the last interval in percent; -1 when there were too few requests to tell. */
  successRate(host: UpstreamHost): number {
    return this.monitors.get(host)?.successRate ?? -1;
  }

  /** One finished attempt. */
  report(host: UpstreamHost, outcome: AttemptOutcome): void {
    const config = this.config;
    const monitor = config === undefined ? undefined : this.monitors.get(host);
    if (config === undefined || monitor === undefined) return;
    if (outcome.kind === 'response') {
      if (config.splitLocalOrigin) monitor.localOriginSuccess();
      this.externalResult(host, monitor, outcome.status, config);
    } else if (config.splitLocalOrigin) {
      if (monitor.localOriginFailure() === config.consecutiveLocalOriginFailure) {
        monitor.consecutiveLocalOrigin = 0;
        this.detect(host, monitor, 'consecutive_local_origin_failure', config.enforcingConsecutiveLocalOriginFailure);
      }
    } else {
      // Without the split a local failure counts as the status that the client would see.
      this.externalResult(host, monitor, outcome.kind === 'timeout' ? 504 : 503, config);
    }
  }

  /** An active health check has found the host well: it comes back before its time, as in Envoy. */
  onHealthy(host: UpstreamHost): void {
    if (!host.ejected) return;
    this.letIn(host);
    this.monitors.get(host)?.resetConsecutive();
    this.onChange();
  }

  private externalResult(host: UpstreamHost, monitor: HostMonitor, status: number, config: OutlierConfig): void {
    monitor.response(status);
    if (status < 500) return;
    if (status >= 502 && status <= 504 && monitor.consecutiveGateway === config.consecutiveGatewayFailure) {
      monitor.consecutiveGateway = 0;
      this.detect(host, monitor, 'consecutive_gateway_failure', config.enforcingConsecutiveGatewayFailure);
    }
    if (monitor.consecutive5xx === config.consecutive5xx) {
      monitor.consecutive5xx = 0;
      this.detect(host, monitor, 'consecutive_5xx', config.enforcingConsecutive5xx);
    }
  }

  private detect(host: UpstreamHost, monitor: HostMonitor, type: EjectionType, enforcing: number): boolean {
    if (host.ejected) return false;
    this.stats.detected[type]++;
    if (!(this.random() * 100 < enforcing)) return false;
    return this.eject(host, monitor, type);
  }

  private eject(host: UpstreamHost, monitor: HostMonitor, type: EjectionType): boolean {
    const config = this.config;
    if (config === undefined) return false;
    const percent = (100 * (this.stats.ejectionsActive + 1)) / this.monitors.size;
    const first = config.alwaysEjectOneHost && this.stats.ejectionsActive === 0;
    if (percent > config.maxEjectionPercent && !first) {
      this.stats.ejectionsOverflow++;
      return false;
    }
    this.stats.ejectionsActive++;
    this.stats.ejectionsEnforcedTotal++;
    this.stats.enforced[type]++;
    host.ejected = true;
    monitor.ejectedAt = this.clock.monotonic();
    monitor.ejectionJitterMs = this.random() * config.maxEjectionJitterMs;
    if (monitor.ejections * config.baseEjectionMs < config.maxEjectionMs + config.baseEjectionMs) monitor.ejections++;
    this.onChange();
    return true;
  }

  private readonly sweep = (): void => {
    const config = this.config;
    if (config === undefined) return;
    this.timer = this.clock.after(config.intervalMs, this.sweep);
    const now = this.clock.monotonic();
    let changed = false;
    for (const [host, monitor] of this.monitors) {
      if (!host.ejected) {
        if (monitor.ejections > 0) monitor.ejections--;
      } else if (now - monitor.ejectedAt >= monitor.ejectionMs(config)) {
        this.letIn(host);
        monitor.resetConsecutive();
        changed = true;
      }
    }
    this.judgeRates(config);
    for (const monitor of this.monitors.values()) monitor.startInterval(config.successRateRequestVolume);
    if (changed) this.onChange();
  };

  private judgeRates(config: OutlierConfig): void {
    this.judge('success_rate', (m) => m.external, config.enforcingSuccessRate, config, successRateOutliers);
    this.judge(
      'failure_percentage',
      (m) => m.external,
      config.enforcingFailurePercentage,
      config,
      failurePercentageOutliers,
    ); // prettier-ignore
    if (!config.splitLocalOrigin) return;
    this.judge(
      'local_origin_success_rate',
      (m) => m.localOrigin,
      config.enforcingLocalOriginSuccessRate,
      config,
      successRateOutliers,
    ); // prettier-ignore
    this.judge(
      'failure_percentage_local_origin',
      (m) => m.localOrigin,
      config.enforcingFailurePercentageLocalOrigin,
      config,
      failurePercentageOutliers,
    ); // prettier-ignore
  }

  private judge(
    type: EjectionType,
    volume: VolumeOf,
    enforcing: number,
    config: OutlierConfig,
    find: typeof successRateOutliers,
  ): void {
    for (const [host, monitor] of find(this.monitors, volume, config)) this.detect(host, monitor, type, enforcing);
  }

  private letIn(host: UpstreamHost): void {
    if (!host.ejected) return;
    host.ejected = false;
    this.stats.ejectionsActive--;
  }

  private stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}

function zeroes(): Record<EjectionType, number> {
  return {
    consecutive_5xx: 0,
    consecutive_gateway_failure: 0,
    consecutive_local_origin_failure: 0,
    success_rate: 0,
    local_origin_success_rate: 0,
    failure_percentage: 0,
    failure_percentage_local_origin: 0,
  };
}
