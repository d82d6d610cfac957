import { EXTENSION } from '../../common/xds/type-urls.js';
import type { AccessLog } from '../../proto/gen/envoy/config/accesslog/v3/AccessLog.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { HttpConnectionManager } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { HttpFilter } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpFilter.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import type { GatewayTopology } from '../model/proxy-config.js';
import { any, bool, duration } from './messages.js';
import { CORS_FILTER } from './route-cors.js';
import { FAULT_FILTER } from './route-fault.js';
import type { StatsFields } from './stats-config.js';
import type { TracingFields } from './tracing.js';

export interface ConnectionManagerParts {
  readonly direction: 'inbound' | 'outbound';
  readonly statPrefix: string;
  readonly routes: Pick<HttpConnectionManager, 'rds' | 'route_config'>;
  /** Other services that decide; before tokens are looked at, as in Istio. */
  readonly custom?: readonly HttpFilter[];
  readonly rbac: readonly HttpFilter[];
  readonly accessLogs: readonly AccessLog[];
  /** Whether the data plane knows Istio's own filters. */
  readonly istioFilters: boolean;
  /** Whether browsers may call in gRPC-Web. */
  readonly grpcWeb?: boolean;
  readonly tracing: TracingFields;
  /** What is counted for Prometheus. */
  readonly metrics: StatsFields;
  readonly settings: MeshSettings;
  /** Stand next to the router. */
  readonly last?: readonly HttpFilter[];
  /** At the edge of the mesh: clients are outside of it, and are not believed. */
  readonly edge?: GatewayTopology;
}

/** The HTTP connection manager of a sidecar's listener, as a network filter. */
export function connectionManager(parts: ConnectionManagerParts): Filter {
  const inbound = parts.direction === 'inbound';
  const upgrades = inbound || parts.edge !== undefined ? ['websocket'] : ['websocket', 'CONNECT'];
  const { trustedProxies } = parts.edge ?? parts.settings;
  const manager: HttpConnectionManager = {
    stat_prefix: parts.statPrefix,
    ...parts.routes,
    http_filters: httpFilters(parts),
    ...(parts.accessLogs.length > 0 && { access_log: [...parts.accessLogs] }),
    ...parts.tracing,
    server_name: 'istio-envoy',
    generate_request_id: bool(true),
    ...(parts.edge === undefined ? meshFields(inbound) : edgeFields(parts.edge)),
    upgrade_configs: upgrades.map((upgrade_type) => ({ upgrade_type })),
    stream_idle_timeout: duration(0),
    ...pathNormalization(parts.settings.normalization),
    ...(trustedProxies > 0 && { xff_num_trusted_hops: trustedProxies }),
    http_protocol_options: { accept_http_10: true },
    // Browsers open WebSockets on the connection that they have (RFC 8441), where they are told that they may.
    ...(parts.edge !== undefined && { http2_protocol_options: { allow_connect: true } }),
  };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: any(EXTENSION.httpConnectionManager, manager),
  };
}

function meshFields(inbound: boolean): Partial<HttpConnectionManager> {
  return {
    server_header_transformation: inbound ? 'APPEND_IF_ABSENT' : 'PASS_THROUGH',
    use_remote_address: bool(false),
    ...(inbound
      ? {
          forward_client_cert_details: 'APPEND_FORWARD',
          set_current_client_cert_details: { subject: bool(true), dns: true, uri: true },
        }
      : { forward_client_cert_details: 'SANITIZE' }),
  };
}

function edgeFields({ forwardClientCert }: GatewayTopology): Partial<HttpConnectionManager> {
  const sets = forwardClientCert === 'SANITIZE_SET' || forwardClientCert === 'APPEND_FORWARD';
  return {
    use_remote_address: bool(true),
    forward_client_cert_details: forwardClientCert,
    ...(sets && { set_current_client_cert_details: { subject: bool(true), cert: true, dns: true, uri: true } }),
  };
}

function pathNormalization(kind: MeshSettings['normalization']): Partial<HttpConnectionManager> {
  if (kind === 'NONE') return { normalize_path: bool(false) };
  return {
    normalize_path: bool(true),
    ...(kind !== 'BASE' && { merge_slashes: true }),
    path_with_escaped_slashes_action: kind === 'DECODE_AND_MERGE_SLASHES' ? 'UNESCAPE_AND_FORWARD' : 'KEEP_UNCHANGED',
  };
}

/** Peer metadata first, since policies and stats read it; stats next to the router, so that they see every outcome. */
function httpFilters({
  direction,
  custom = [],
  rbac,
  istioFilters,
  grpcWeb = false,
  metrics,
  edge,
  last = [],
}: ConnectionManagerParts): HttpFilter[] {
  const inbound = direction === 'inbound';
  const metadata: HttpFilter = {
    name: 'istio.metadata_exchange',
    typed_config: any(
      EXTENSION.peerMetadata,
      inbound
        ? {
            downstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
            downstream_propagation: [{ istio_headers: {} }],
          }
        : {
            upstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
            upstream_propagation: [{ istio_headers: {} }],
          },
    ),
  };
  const stats: HttpFilter = {
    name: 'istio.stats',
    typed_config: any(EXTENSION.istioStats, {
      // What clients of outside write into Host must not make series.
      ...((inbound || edge !== undefined) && { disable_host_header_fallback: true }),
      ...metrics,
    }),
  };
  return [
    ...(istioFilters ? [metadata] : []),
    ...custom,
    ...rbac,
    { name: FAULT_FILTER, typed_config: any(EXTENSION.fault) },
    { name: CORS_FILTER, typed_config: any(EXTENSION.cors) },
    ...(grpcWeb ? [{ name: 'envoy.filters.http.grpc_web', typed_config: any(EXTENSION.grpcWeb) }] : []),
    ...(istioFilters ? [stats] : []),
    ...last,
    { name: 'envoy.filters.http.router', typed_config: any(EXTENSION.router) },
  ];
}
