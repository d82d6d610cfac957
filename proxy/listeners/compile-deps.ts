import type { AccessLog__Output } from '../../proto/gen/envoy/config/accesslog/v3/AccessLog.js';
import type { HttpConnectionManager__Output } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { DownstreamTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/DownstreamTlsContext.js';
import type { HttpFilterFactories } from '../filters/factory.js';
import type { ConnectionManagerConfig, RouteSource } from '../http/connection-manager-config.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { RouteDeps } from '../router/route-deps.js';
import type { Issues } from '../snapshot/issues.js';
import type { AccessLogger } from '../telemetry/access-log.js';
import type { DownstreamTls } from '../tls/context.js';
import type { TracingConfig } from '../tracing/tracer.js';
import type { NetworkFilter } from './config.js';

/** What a network filter before the terminal one becomes: a gate, something to do at the end, or both. */
export interface CompiledNetworkFilter {
  readonly gate?: NetworkFilter;
  /** Offered upstream in place of the cluster's own ALPN protocols. */
  readonly alpn?: readonly string[];
  readonly onOpen?: (info: StreamInfo) => void;
  readonly onClose?: (info: StreamInfo) => void;
  /** The server name that the client asks for takes the place of the relay's cluster. */
  readonly clusterBySni?: boolean;
  /** The server name that the client asks for is looked up and reached at this port. */
  readonly lookUpSni?: number;
}

export type NetworkFilterCompiler = (
  message: object,
  place: { readonly name: string; readonly direction: 'inbound' | 'outbound' | 'unspecified' },
  issues: Issues,
) => CompiledNetworkFilter | undefined;

/** What compiling listeners needs from elsewhere. All compilers give undefined after an error. */
export interface ListenerDeps {
  readonly routes: RouteDeps;
  readonly httpFilters: HttpFilterFactories;
  /** By type URL. */
  readonly networkFilters: ReadonlyMap<string, NetworkFilterCompiler>;
  compileDownstreamTls(message: DownstreamTlsContext__Output, issues: Issues): DownstreamTls | undefined;
  /** undefined where nothing is traced. */
  compileTracing(
    message: HttpConnectionManager__Output,
    direction: ConnectionManagerConfig['direction'],
    issues: Issues,
  ): TracingConfig | undefined;
  compileAccessLog(message: AccessLog__Output, issues: Issues): AccessLogger | undefined;
  /** The live routes of an RDS name. */
  routeSource(rdsName: string): RouteSource;
}

/** What one listener's configuration refers to, gathered while it is compiled. */
export interface References {
  readonly rdsNames: Set<string>;
  readonly secretNames: Set<string>;
}
