import type { Registry } from 'prom-client';
import { registerSource, type Sample } from '../telemetry/metric-source.js';

/** Upper bounds, seconds. */
const BOUNDS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** A histogram of times, in seconds. */
export class Durations {
  private readonly counts = new Float64Array(BOUNDS.length);
  private sum = 0;
  private count = 0;

  record(seconds: number): void {
    const index = BOUNDS.findIndex((bound) => seconds <= bound);
    if (index >= 0) this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += seconds;
    this.count++;
  }

  *samples(): Iterable<Sample> {
    let below = 0;
    for (const [index, le] of BOUNDS.entries()) {
      below += this.counts[index] ?? 0;
      yield { suffix: '_bucket', labels: { le }, value: below };
    }
    yield { suffix: '_bucket', labels: { le: '+Inf' }, value: this.count };
    yield { suffix: '_sum', labels: {}, value: this.sum };
    yield { suffix: '_count', labels: {}, value: this.count };
  }
}

/** What the DNS proxy has done so far. */
export interface DnsStatistics {
  requests: number;
  /** Packets that were no query. */
  malformed: number;
  upstreamRequests: number;
  upstreamFailures: number;
  readonly upstreamDurations: Durations;
}

export function newStatistics(): DnsStatistics {
  return { requests: 0, malformed: 0, upstreamRequests: 0, upstreamFailures: 0, upstreamDurations: new Durations() };
}

/** By the names that Istio's agent gives them. */
export function registerDnsMetrics(registry: Registry, statistics: DnsStatistics): void {
  const counter = (name: string, help: string, value: () => number): void =>
    registerSource(registry, { name, help, type: 'counter', collect: () => [{ labels: {}, value: value() }] });
  counter('dns_requests_total', 'DNS queries of the application.', () => statistics.requests);
  counter('dns_malformed_requests_total', 'Packets that were no DNS query.', () => statistics.malformed);
  counter('dns_upstream_requests_total', 'DNS queries handed on to name servers.', () => statistics.upstreamRequests);
  counter(
    'dns_upstream_failures_total',
    'DNS queries that no name server answered.',
    () => statistics.upstreamFailures,
  );
  registerSource(registry, {
    name: 'dns_upstream_request_duration_seconds',
    help: 'Time that upstream name servers took to answer, in seconds.',
    type: 'histogram',
    collect: () => statistics.upstreamDurations.samples(),
  });
}
