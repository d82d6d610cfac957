import type { ConnectionTraffic } from '../tcp/connection-traffic.js';
import type { Stat, StatGroup } from '../telemetry/envoy-stats.js';
import type { ClusterResources } from '../upstream/cluster.js';
import type { StatusCounts, TrafficStats } from '../upstream/traffic-stats.js';
import type { ZoneStats } from '../upstream/zone-aware.js';
import type { ClusterView } from './sources.js';

/** The statistics that Envoy keeps of a cluster, as far as we count them. */
export function clusterStats(cluster: ClusterView): StatGroup {
  const { defaultResources: limits, highResources: high } = cluster;
  return {
    scope: 'cluster',
    tag: { label: 'cluster_name', value: cluster.name },
    stats: [
      ...traffic(cluster.traffic),
      counter('upstream_rq_pending_overflow', limits.overflows + high.overflows),
      counter('upstream_cx_overflow', limits.connectionOverflows + high.connectionOverflows),
      counter('upstream_rq_retry_overflow', limits.retryOverflows + high.retryOverflows),
      counter('upstream_rq_retry', limits.retriesBegun + high.retriesBegun),
      counter('upstream_rq_retry_success', limits.retrySuccesses + high.retrySuccesses),
      counter('upstream_rq_retry_limit_exceeded', limits.retryLimits + high.retryLimits),
      gauge('upstream_cx_active', limits.connections + high.connections),
      gauge('upstream_rq_active', limits.requests + high.requests),
      gauge('upstream_rq_pending_active', limits.pending + high.pending),
      ...breakers('default', limits),
      ...breakers('high', high),
      ...outliers(cluster),
      ...checks(cluster),
      gauge('membership_total', cluster.tally.hosts),
      gauge('membership_healthy', cluster.tally.sound),
    ],
  };
}

function traffic(stats: TrafficStats): Stat[] {
  return [
    counter('upstream_rq_total', stats.requests),
    counter('upstream_rq_pending_total', stats.waits),
    counter('upstream_rq_pending_failure_eject', stats.failedWaits),
    counter('upstream_rq_active_overflow', stats.activeOverflows),
    counter('upstream_rq_cancelled', stats.cancelled),
    counter('upstream_rq_timeout', stats.timeouts),
    counter('upstream_rq_per_try_timeout', stats.tryTimeouts),
    counter('upstream_rq_per_try_idle_timeout', stats.tryIdleTimeouts),
    counter('upstream_rq_rx_reset', stats.remoteResets),
    counter('upstream_rq_tx_reset', stats.localResets),
    counter('upstream_cx_total', stats.connections),
    counter('upstream_cx_http1_total', stats.http1Connections),
    counter('upstream_cx_http2_total', stats.http2Connections),
    counter('upstream_cx_connect_fail', stats.connectFailures),
    counter('upstream_cx_connect_timeout', stats.connectTimeouts),
    ...connections('upstream_cx_', stats.bytes),
    counter('upstream_cx_idle_timeout', stats.idleTimeouts),
    counter('upstream_cx_max_requests', stats.fullConnections),
    counter('upstream_cx_max_duration_reached', stats.oldConnections),
    counter('upstream_cx_none_healthy', stats.withoutHost),
    ...[...(stats.http2 ?? [])].map(([name, value]) => counter(`http2.${name}`, value)),
    ...zones(stats.zones),
    ...statuses('', stats.internal, stats.external),
    ...statuses('internal.', stats.internal),
    ...statuses('external.', stats.external),
    ...statuses('retry.', stats.retried),
  ];
}

function connections(prefix: string, traffic: ConnectionTraffic): Stat[] {
  const { destroyedBusyLocally: local, destroyedBusyRemotely: remote } = traffic;
  return [
    counter(`${prefix}rx_bytes_total`, traffic.received),
    counter(`${prefix}tx_bytes_total`, traffic.sent),
    counter(`${prefix}destroy`, traffic.destroyed),
    counter(`${prefix}destroy_local`, traffic.destroyedLocally),
    counter(`${prefix}destroy_remote`, traffic.destroyedRemotely),
    counter(`${prefix}destroy_with_active_rq`, local + remote),
    counter(`${prefix}destroy_local_with_active_rq`, local),
    counter(`${prefix}destroy_remote_with_active_rq`, remote),
  ];
}

/** Nobody weighs zones without knowing the own cluster. */
function zones(stats: ZoneStats): Stat[] {
  if (stats.recalculated === 0) return [];
  return [
    counter('lb_recalculate_zone_structures', stats.recalculated),
    counter('lb_zone_cluster_too_small', stats.tooSmall),
    counter('lb_local_cluster_not_ok', stats.localNotOk),
    counter('lb_zone_routing_all_directly', stats.allDirectly),
    counter('lb_zone_routing_sampled', stats.sampled),
    counter('lb_zone_routing_cross_zone', stats.crossZone),
    counter('lb_zone_no_capacity_left', stats.noCapacity),
  ];
}

/** One counter a status, one a hundred of them, and the sum; those that Envoy makes when they first count. */
function statuses(prefix: string, ...sources: readonly StatusCounts[]): Stat[] {
  const counts = new Map<string, number>();
  for (const source of sources) {
    for (const [status, count] of source.entries()) {
      const names = [String(status), `${Math.floor(status / 100)}xx`, 'completed'];
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + count);
    }
  }
  return [...counts].map(([name, value]) => counter(`${prefix}upstream_rq_${name}`, value));
}

function breakers(priority: string, limits: ClusterResources): Stat[] {
  const name = (stat: string): string => `circuit_breakers.${priority}.${stat}`;
  const open = (used: number, most: number): number => (used >= most ? 1 : 0);
  const left = (used: number, most: number): number => Math.max(0, most - used);
  const { connections, pending, requests, retries } = limits;
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = limits;
  return [
    gauge(name('cx_open'), open(connections, maxConnections)),
    gauge(name('rq_pending_open'), open(pending, maxPendingRequests)),
    gauge(name('rq_open'), open(requests, maxRequests)),
    gauge(name('rq_retry_open'), open(retries, maxRetries)),
    ...(limits.trackRemaining
      ? [
          gauge(name('remaining_cx'), left(connections, maxConnections)),
          gauge(name('remaining_pending'), left(pending, maxPendingRequests)),
          gauge(name('remaining_rq'), left(requests, maxRequests)),
          gauge(name('remaining_retries'), left(retries, maxRetries)),
        ]
      : []),
  ];
}

function outliers({ outliers: stats }: ClusterView): Stat[] {
  if (stats === undefined) return [];
  const name = (stat: string): string => `outlier_detection.${stat}`;
  return [
    gauge(name('ejections_active'), stats.ejectionsActive),
    counter(name('ejections_overflow'), stats.ejectionsOverflow),
    counter(name('ejections_enforced_total'), stats.ejectionsEnforcedTotal),
    ...Object.entries(stats.detected).map(([type, count]) => counter(name(`ejections_detected_${type}`), count)),
    ...Object.entries(stats.enforced).map(([type, count]) => counter(name(`ejections_enforced_${type}`), count)),
    // Envoy's older names for the same.
    counter(name('ejections_total'), stats.ejectionsEnforcedTotal),
    counter(name('ejections_consecutive_5xx'), stats.enforced.consecutive_5xx),
    counter(name('ejections_success_rate'), stats.enforced.success_rate),
  ];
}

function checks({ healthChecks: stats }: ClusterView): Stat[] {
  if (stats === undefined) return [];
  return [
    counter('health_check.attempt', stats.attempts),
    counter('health_check.success', stats.successes),
    counter('health_check.failure', stats.failures),
    counter('health_check.network_failure', stats.networkFailures),
    counter('health_check.passive_failure', 0),
    counter('health_check.verify_cluster', 0),
    gauge('health_check.healthy', stats.healthy),
    gauge('health_check.degraded', stats.degraded),
  ];
}

function counter(name: string, value: number): Stat {
  return { name, type: 'counter', value };
}

function gauge(name: string, value: number): Stat {
  return { name, type: 'gauge', value };
}
