import type { ClusterResources } from '../upstream/cluster.js';
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
      eds_health_status: healthFlags.includes('/failed_eds_health') ? 'UNHEALTHY' : 'HEALTHY',
      ...(healthFlags.includes('/failed_active_hc') && { failed_active_health_check: true }),
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
