import type { Clock, Random, Timer } from '../../../common/runtime/clock.js';
import type { UpstreamHost } from '../host.js';
import type { CheckResult, HealthCheckConfig } from './config.js';
import { makeProbe, type Probe, type ProbeTarget } from './probes.js';

/** Names as Envoy's `cluster.NAME.health_check.` statistics. */
export interface HealthCheckStats {
  attempts: number;
  successes: number;
  failures: number;
  networkFailures: number;
  healthy: number;
  degraded: number;
}

export interface HealthChecksDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** How to reach a host, its check's own port or name minded. */
  readonly target: (host: UpstreamHost, config: HealthCheckConfig) => ProbeTarget;
  /** Whether requests have gone to the cluster; without, hosts are looked at less often. */
  readonly hasTraffic: () => boolean;
  readonly onChange: () => void;
  /** A look at the host succeeded. */
  readonly onHealthy: (host: UpstreamHost) => void;
}

/** Active health checking of one cluster: a host is not chosen until it has answered once, nor while it does not. */
export class HealthChecks {
  readonly stats: HealthCheckStats = {
    attempts: 0,
    successes: 0,
    failures: 0,
    networkFailures: 0,
    healthy: 0,
    degraded: 0,
  };
  private readonly sessions = new Map<UpstreamHost, Session>();
  private waiting: (() => void)[] = [];

  constructor(
    readonly config: HealthCheckConfig,
    readonly deps: HealthChecksDeps,
    /** Hosts that were in use before: they stay so until they fail. */
    private readonly trusted: ReadonlySet<UpstreamHost> = new Set(),
  ) {}

  setHosts(hosts: readonly UpstreamHost[]): void {
    const wanted = new Set(hosts.filter((host) => !host.uncheckedHealth));
    for (const [host, session] of this.sessions) {
      if (wanted.has(host)) continue;
      session.close();
      this.sessions.delete(host);
    }
    for (const host of wanted) {
      if (this.sessions.has(host)) continue;
      if (!this.trusted.has(host)) host.failedActiveCheck = true;
      const session = new Session(host, this);
      this.sessions.set(host, session);
      session.start();
    }
    this.count();
    this.tellWaiting();
  }

  /** Calls back as soon as every host has been looked at once. */
  whenChecked(callback: () => void): void {
    this.waiting.push(callback);
    this.tellWaiting();
  }

  close(): void {
    for (const [host, session] of this.sessions) {
      session.close();
      host.failedActiveCheck = false;
    }
    this.sessions.clear();
    this.waiting = [];
  }

  /** @internal */
  checked(changed: boolean): void {
    if (changed) {
      this.count();
      this.deps.onChange();
    }
    this.tellWaiting();
  }

  private count(): void {
    this.stats.healthy = [...this.sessions.keys()].filter((host) => !host.failedActiveCheck).length;
  }

  private tellWaiting(): void {
    if (this.waiting.length === 0 || [...this.sessions.values()].some((session) => !session.isKnown)) return;
    const waiting = this.waiting;
    this.waiting = [];
    for (const callback of waiting) callback();
  }
}

/** The looks at one host. */
class Session {
  isKnown = false;
  private readonly probe: Probe;
  private timer: Timer | undefined;
  private good = 0;
  private bad = 0;

  constructor(
    private readonly host: UpstreamHost,
    private readonly checks: HealthChecks,
  ) {
    const { config, deps } = checks;
    this.probe = makeProbe(config.probe, deps.target(host, config), config.reuseConnection);
  }

  start(): void {
    const { config, deps } = this.checks;
    this.timer = deps.clock.after(deps.random() * config.initialJitterMs, this.look);
  }

  close(): void {
    this.timer?.cancel();
    this.probe.abandon();
  }

  private readonly look = (): void => {
    const { config, deps, stats } = this.checks;
    stats.attempts++;
    this.timer = deps.clock.after(config.timeoutMs, () => {
      this.probe.abandon();
      this.onResult({ kind: 'network-failure' });
    });
    this.probe.check((result) => {
      this.timer?.cancel();
      this.onResult(result);
    });
  };

  private onResult(result: CheckResult): void {
    const before = this.host.failedActiveCheck;
    const pending = result.kind === 'success' ? this.onSuccess() : this.onFailure(result);
    this.isKnown = true;
    this.timer = this.checks.deps.clock.after(this.interval(result.kind === 'success', pending), this.look);
    this.checks.checked(before !== this.host.failedActiveCheck);
  }

  /** Returns whether the host is on its way to another state. The very first answer is enough by itself. */
  private onSuccess(): boolean {
    const { config, deps, stats } = this.checks;
    stats.successes++;
    this.bad = 0;
    if (!this.host.failedActiveCheck) {
      deps.onHealthy(this.host);
      return false;
    }
    this.good++;
    if (this.isKnown && this.good < config.healthyThreshold) return true;
    this.host.failedActiveCheck = false;
    this.host.readySince = deps.clock.monotonic();
    deps.onHealthy(this.host);
    return false;
  }

  private onFailure(result: Exclude<CheckResult, { kind: 'success' }>): boolean {
    const { config, stats } = this.checks;
    stats.failures++;
    if (result.kind === 'network-failure') stats.networkFailures++;
    this.good = 0;
    if (this.host.failedActiveCheck) return false;
    const atOnce = result.kind === 'failure' && !result.retriable;
    if (!atOnce && ++this.bad < config.unhealthyThreshold) return true;
    this.host.failedActiveCheck = true;
    return false;
  }

  private interval(success: boolean, pending: boolean): number {
    const { config, deps } = this.checks;
    const base = this.baseInterval(success, pending);
    const percent = deps.random() * ((base * config.intervalJitterPercent) / 100);
    return Math.max(1, base + percent + deps.random() * config.intervalJitterMs);
  }

  private baseInterval(success: boolean, pending: boolean): number {
    const { config, deps } = this.checks;
    if (!deps.hasTraffic()) return success ? config.noTrafficHealthyIntervalMs : config.noTrafficIntervalMs;
    if (success) return pending ? config.healthyEdgeIntervalMs : config.intervalMs;
    return pending ? config.unhealthyEdgeIntervalMs : config.unhealthyIntervalMs;
  }
}
