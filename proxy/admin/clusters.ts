import type { Stat, StatGroup } from '../telemetry/envoy-stats.js';
import type { ClusterResources, Host } from '../upstream/cluster.js';
import type { ClusterView, HostView } from './sources.js';

/** `/clusters` as Envoy's text. */
export function clustersText(clusters: Iterable<ClusterView>): string {
  const lines: string[] = [];
  for (const cluster of clusters) {
    const line = (...parts: (string | number | boolean)[]): void => {
      lines.push([cluster.name, ...parts].join('::'));
    };
    line('observability_name', cluster.name);
    for (const [priority, limits] of [
      ['default_priority', cluster.defaultResources],
      ['high_priority', cluster.highResources],
    ] as const) {
      for (const [name, value] of thresholds(limits)) line(priority, name, value);
    }
    line('added_via_api', cluster.addedViaApi);
    for (const view of cluster.hosts) {
      for (const [name, value] of hostLines(view)) line(view.host.address, name, value);
    }
  }
  return lines.map((text) => `${text}\n`).join('');
}

/** `/clusters?format=json`: envoy.admin.v3.Clusters. */
export function clustersJson(clusters: Iterable<ClusterView>): object {
  return {
    cluster_statuses: [...clusters].map((cluster) => ({
      name: cluster.name,
      ...(cluster.addedViaApi && { added_via_api: true }),
      host_statuses: [...cluster.hosts].map(hostJson),
      circuit_breakers: {
        thresholds: [
          Object.fromEntries(thresholds(cluster.defaultResources)),
          { priority: 'HIGH', ...Object.fromEntries(thresholds(cluster.highResources)) },
        ],
      },
      observability_name: cluster.name,
    })),
  };
}

/** The statistics that Envoy keeps of a cluster, as far as we count them. */
export function clusterStats(cluster: ClusterView): StatGroup {
  const hosts = [...cluster.hosts];
  const sum = (of: (host: Host) => number): number => hosts.reduce((total, { host }) => total + of(host), 0);
  const { defaultResources: limits, highResources: high } = cluster;
  const ejected = hosts.filter(({ healthFlags }) => healthFlags.includes('/failed_outlier_check')).length;
  const counter = (name: string, value: number): Stat => ({ name, type: 'counter', value });
  const gauge = (name: string, value: number): Stat => ({ name, type: 'gauge', value });
  return {
    scope: 'cluster',
    tag: { label: 'cluster_name', value: cluster.name },
    stats: [
      counter(
        'upstream_rq_total',
        sum(({ stats }) => stats.total),
      ),
      counter(
        'upstream_rq_timeout',
        sum(({ stats }) => stats.timeout),
      ),
      counter(
        'upstream_cx_connect_fail',
        sum(({ stats }) => stats.connectFail),
      ),
      counter('upstream_rq_pending_overflow', limits.overflows + high.overflows),
      gauge('upstream_cx_active', limits.connections + high.connections),
      gauge('upstream_rq_active', limits.requests + high.requests),
      gauge('upstream_rq_pending_active', limits.pending + high.pending),
      gauge('circuit_breakers.default.cx_open', limits.connections >= limits.maxConnections ? 1 : 0),
      gauge('circuit_breakers.default.rq_open', limits.requests >= limits.maxRequests ? 1 : 0),
      gauge('circuit_breakers.default.rq_pending_open', limits.pending >= limits.maxPendingRequests ? 1 : 0),
      counter('outlier_detection.ejections_enforced_total', cluster.ejectionsTotal ?? 0),
      gauge('outlier_detection.ejections_active', ejected),
      gauge('membership_total', hosts.length),
      gauge('membership_healthy', hosts.filter(({ healthFlags }) => healthFlags.length === 0).length),
    ],
  };
}

function thresholds(limits: ClusterResources): [string, number][] {
  return [
    ['max_connections', limits.maxConnections],
    ['max_pending_requests', limits.maxPendingRequests],
    ['max_requests', limits.maxRequests],
    ['max_retries', limits.maxRetries],
  ];
}

function hostLines({ host, healthFlags, region, zone, subZone }: HostView): [string, string | number | boolean][] {
  return [
    ['cx_connect_fail', host.stats.connectFail],
    ['rq_active', host.activeRequests],
    ['rq_error', host.stats.error],
    ['rq_success', host.stats.success],
    ['rq_timeout', host.stats.timeout],
    ['rq_total', host.stats.total],
    ['hostname', ''],
    ['health_flags', healthFlags.length === 0 ? 'healthy' : healthFlags.join('')],
    ['weight', host.weight],
    ['region', region ?? ''],
    ['zone', zone ?? ''],
    ['sub_zone', subZone ?? ''],
    ['canary', false],
    ['priority', host.priority],
  ];
}

function hostJson({ host, healthFlags, region, zone, subZone }: HostView): object {
  const counter = (name: string, value: number) => ({ ...(value > 0 && { value: String(value) }), name });
  return {
    address: { socket_address: { address: host.ip, port_value: host.port } },
    stats: [
      counter('cx_connect_fail', host.stats.connectFail),
      counter('rq_error', host.stats.error),
      counter('rq_success', host.stats.success),
      counter('rq_timeout', host.stats.timeout),
      counter('rq_total', host.stats.total),
      { type: 'GAUGE', ...counter('rq_active', host.activeRequests) },
    ],
    health_status: {
      eds_health_status: 'HEALTHY',
      ...(healthFlags.includes('/failed_outlier_check') && { failed_outlier_check: true }),
    },
    weight: host.weight,
    ...(host.priority > 0 && { priority: host.priority }),
    locality: {
      ...(region !== undefined && { region }),
      ...(zone !== undefined && { zone }),
      ...(subZone !== undefined && { sub_zone: subZone }),
    },
  };
}
