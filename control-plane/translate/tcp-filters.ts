import { MESH_ALPN, MESH_TCP_ALPN } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { TcpProxy } from '../../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/TcpProxy.js';
import { durationMs } from '../model/mesh-settings.js';
import type { Mode } from '../model/telemetry-tracing.js';
import { accessLogs } from './access-log.js';
import type { ProxyContext } from './context.js';
import { any, duration } from './messages.js';
import { statsFields } from './stats-config.js';
import type { TcpDestination } from './tcp-destinations.js';
import type { EffectivePolicy } from './traffic-policy.js';

/** Network filters that relay a client's connection to one of the destinations, by their weights. */
export function outboundTcpFilters(
  context: ProxyContext,
  destinations: readonly TcpDestination[],
  statPrefix: string,
): Filter[] {
  const [only] = destinations;
  const logs = accessLogs(context, context.client, 'CLIENT');
  const proxy: TcpProxy = {
    stat_prefix: statPrefix,
    ...(destinations.length === 1 && only !== undefined
      ? { cluster: only.cluster }
      : {
          weighted_clusters: {
            clusters: destinations.map(({ cluster, weight }) => ({ name: cluster, weight })),
          },
        }),
    ...limits(only?.policy),
    ...(hashesSource(destinations) && { hash_policy: [{ source_ip: {} }] }),
    ...(logs.length > 0 && { access_log: logs }),
  };
  return [
    // Where a cluster serves HTTP too, mesh peers are to be told that this connection carries none.
    ...(destinations.some(({ undeclared }) => undeclared) ? [tcpMark] : []),
    ...tcpStats(context, 'CLIENT'),
    { name: 'envoy.filters.network.tcp_proxy', typed_config: any(EXTENSION.tcpProxy, proxy) },
  ];
}

/** Of what HTTP can be hashed by, a connection has only where it comes from. */
function hashesSource(destinations: readonly TcpDestination[]): boolean {
  return destinations.some(({ policy }) => policy.loadBalancer?.consistentHash?.useSourceIp === true);
}

/** The first destination's settings are those of the connection, which is made before a destination is chosen. */
function limits(policy: EffectivePolicy | undefined): Partial<TcpProxy> {
  const tcp = policy?.connectionPool?.tcp;
  const { tunnel } = policy ?? {};
  return {
    ...(tunnel !== undefined && {
      tunneling_config: {
        hostname: authority(tunnel.targetHost, tunnel.targetPort),
        ...(tunnel.protocol === 'POST' && { use_post: true }),
      },
    }),
    ...(policy?.loadBalancer?.consistentHash?.useSourceIp === true && { hash_policy: [{ source_ip: {} }] }),
    ...(tcp?.idleTimeout !== undefined && { idle_timeout: duration(durationMs(tcp.idleTimeout, 0)) }),
    ...(tcp?.maxConnectionDuration !== undefined && {
      max_downstream_connection_duration: duration(durationMs(tcp.maxConnectionDuration, 0)),
    }),
  };
}

function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Istio's metrics of TCP connections, where the data plane has them. */
export function tcpStats(context: ProxyContext, mode: Mode): Filter[] {
  if (context.node.dataPlane !== 'weft') return [];
  return [{ name: 'istio.stats', typed_config: any(EXTENSION.istioStats, statsFields(context, mode)) }];
}

/** Overrides the ALPN that the cluster offers (Envoy's filter state `envoy.network.application_protocols`). */
const tcpMark: Filter = {
  name: 'envoy.filters.network.set_filter_state',
  typed_config: any(EXTENSION.setFilterState, {
    on_new_connection: [
      {
        object_key: 'envoy.network.application_protocols',
        format_string: { text_format_source: { inline_string: `${MESH_TCP_ALPN},${MESH_ALPN}` } },
      },
    ],
  }),
};
