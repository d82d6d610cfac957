import { TYPE } from '../../common/xds/type-urls.js';
import type { ClusterManager } from './cluster-manager.js';
import type { UpstreamHost } from './host.js';
import type { UpstreamCluster } from './upstream-cluster.js';

/** The admin endpoint `/clusters`: Envoy's lines `cluster::host::key::value`. */
export function clustersText(manager: ClusterManager): string {
  const lines: string[] = [];
  for (const { cluster, fixed } of manager.list()) {
    const { name } = cluster;
    lines.push(`${name}::observability_name::${name}`);
    for (const priority of ['default', 'high'] as const) {
      const limits = cluster.resources(priority);
      lines.push(
        `${name}::${priority}_priority::max_connections::${limits.maxConnections}`,
        `${name}::${priority}_priority::max_pending_requests::${limits.maxPendingRequests}`,
        `${name}::${priority}_priority::max_requests::${limits.maxRequests}`,
        `${name}::${priority}_priority::max_retries::${limits.maxRetries}`,
      );
    }
    lines.push(`${name}::added_via_api::${!fixed}`);
    for (const host of cluster.hosts) {
      for (const [key, value] of hostValues(host, cluster)) lines.push(`${name}::${host.address}::${key}::${value}`);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function hostValues(host: UpstreamHost, cluster: UpstreamCluster): readonly (readonly [string, string | number])[] {
  const [region = '', zone = '', subZone = ''] = host.locality.split('/');
  const { total, success, error, connectFail, timeout } = host.stats;
  return [
    ['cx_connect_fail', connectFail],
    ['rq_active', host.activeRequests],
    ['rq_error', error],
    ['rq_success', success],
    ['rq_timeout', timeout],
    ['rq_total', total],
    ['hostname', host.hostname],
    ['health_flags', healthFlags(host)],
    ['weight', host.weight],
    ['region', region],
    ['zone', zone],
    ['sub_zone', subZone],
    ['canary', 'false'],
    ['priority', host.priority],
    ['success_rate', cluster.detector.successRate(host)],
  ];
}

/** As in Envoy: the reasons joined by slashes with a slash in front, or `healthy`. */
function healthFlags(host: UpstreamHost): string {
  let flags = '';
  if (host.ejected) flags += '/failed_outlier_check';
  if (host.health === 'unhealthy') flags += '/failed_eds_health';
  if (host.health === 'degraded') flags += '/degraded_eds_health';
  return flags === '' ? 'healthy' : flags;
}

/** `/clusters?format=json`: envoy.admin.v3.Clusters as JSON. */
export function clustersJson(manager: ClusterManager): object {
  return {
    cluster_statuses: manager.list().map(({ cluster, fixed }) => ({
      name: cluster.name,
      observability_name: cluster.name,
      ...(fixed ? {} : { added_via_api: true }),
      ...(cluster.config.discovery.kind === 'eds' ? { eds_service_name: cluster.config.discovery.serviceName } : {}),
      circuit_breakers: {
        thresholds: (['default', 'high'] as const).map((priority) => {
          const limits = cluster.resources(priority);
          return {
            priority: priority.toUpperCase(),
            max_connections: limits.maxConnections,
            max_pending_requests: limits.maxPendingRequests,
            max_requests: limits.maxRequests,
            max_retries: limits.maxRetries,
          };
        }),
      },
      host_statuses: cluster.hosts.map((host) => hostStatus(host)),
    })),
  };
}

function hostStatus(host: UpstreamHost): object {
  const { total, success, error, connectFail, timeout } = host.stats;
  const [region = '', zone = '', subZone = ''] = host.locality.split('/');
  const counter = (name: string, value: number): object => (value === 0 ? { name } : { value: String(value), name });
  return {
    address: { socket_address: { address: host.ip, port_value: host.port } },
    stats: [
      counter('cx_connect_fail', connectFail),
      counter('rq_error', error),
      counter('rq_success', success),
      counter('rq_timeout', timeout),
      counter('rq_total', total),
      { type: 'GAUGE', ...counter('rq_active', host.activeRequests) },
    ],
    health_status: {
      eds_health_status: { healthy: 'HEALTHY', degraded: 'DEGRADED', unhealthy: 'UNHEALTHY' }[host.health],
      ...(host.ejected ? { failed_outlier_check: true } : {}),
    },
    weight: host.weight,
    ...(host.hostname === '' ? {} : { hostname: host.hostname }),
    ...(host.priority === 0 ? {} : { priority: host.priority }),
    locality: { region, zone, sub_zone: subZone },
  };
}

/** envoy.admin.v3.ClustersConfigDump; the messages are as they came. */
export function clustersConfigDump(manager: ClusterManager): object {
  const list = manager.list();
  const wrap = (message: object): object => ({ '@type': TYPE.cluster, ...message });
  const dynamic = list.filter((entry) => !entry.fixed);
  const form = (entry: (typeof list)[number]): object => ({
    version_info: entry.version,
    cluster: wrap(entry.message),
  });
  return {
    '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
    static_clusters: list.filter((entry) => entry.fixed).map((entry) => ({ cluster: wrap(entry.message) })),
    dynamic_active_clusters: dynamic.filter((entry) => manager.isWarm(entry.cluster.name)).map(form),
    dynamic_warming_clusters: dynamic.filter((entry) => !manager.isWarm(entry.cluster.name)).map(form),
  };
}

/** envoy.admin.v3.EndpointsConfigDump of what EDS gave (`/config_dump?include_eds`). */
export function endpointsConfigDump(manager: ClusterManager): object {
  return {
    '@type': 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump',
    dynamic_endpoint_configs: manager.assignments().map(({ message, version }) => ({
      version_info: version,
      endpoint_config: { '@type': TYPE.endpoint, ...message },
    })),
  };
}
