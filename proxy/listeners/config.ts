import type { ConnectionManagerConfig } from '../http/connection-manager-config.js';
import type { MetadataFields } from '../http/dynamic-metadata.js';
import type { ConnectionInfo } from '../http/stream-info.js';
import type { AccessLogger } from '../telemetry/access-log.js';
import type { DownstreamTls } from '../tls/context.js';

export interface ListenAddress {
  /** IP address, or the path of a Unix socket (`isSocketPath`). */
  readonly host: string;
  readonly port: number;
  /** An IPv6 address that takes IPv4 too (`ipv4_compat`). */
  readonly dualStack?: boolean;
}

/** Whether a listener filter is left out for connections to this port (`filter_disabled`). */
export type PortPredicate = (destinationPort: number) => boolean;

/** A compiled Listener. */
export interface ListenerConfig {
  readonly name: string;
  readonly addresses: readonly ListenAddress[];
  /** Takes connections to other addresses than its own (TPROXY). */
  readonly transparent?: boolean;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly filterChains: readonly FilterChainConfig[];
  readonly defaultFilterChain: FilterChainConfig | undefined;
  /** Listener filters that look at the first bytes or the socket. */
  readonly tlsInspector: boolean;
  readonly httpInspector: boolean;
  readonly originalDst: boolean;
  readonly disabledFor?: Partial<Readonly<Record<'tlsInspector' | 'httpInspector' | 'originalDst', PortPredicate>>>;
  /** Connections begin with a PROXY header. */
  readonly proxyProtocol?: ProxyProtocolConfig;
  /** Redirected connections go to the listener of their destination, where there is one (`use_original_dst`). */
  readonly handsOff?: boolean;
  /** 0 waits for ever (Envoy's default: 15 s). */
  readonly inspectTimeoutMs: number;
  readonly continueOnInspectTimeout: boolean;
  readonly bindToPort: boolean;
  /** Logs of the listener itself: a line for every connection when it ends. */
  readonly accessLogs?: readonly AccessLogger[];
}

export interface ProxyProtocolConfig {
  /** Connections without the header are served as they are. */
  readonly optional: boolean;
  readonly versions: ReadonlySet<1 | 2>;
}

/** FilterChainMatch; an absent or empty criterion matches everything. Envoy's order of precedence is applied by the matcher. */
export interface FilterChainMatchConfig {
  readonly destinationPort: number | undefined;
  readonly prefixRanges: readonly string[];
  /** Lower-case; may begin with `*.`. */
  readonly serverNames: readonly string[];
  /** `tls`, `raw_buffer` or empty. */
  readonly transportProtocol: string;
  readonly applicationProtocols: readonly string[];
  readonly sourceType: 'any' | 'same-ip-or-loopback' | 'external';
  readonly sourcePrefixRanges: readonly string[];
  readonly sourcePorts: readonly number[];
}

export interface FilterChainConfig {
  /** Name, unique in its listener (made from its position when the configuration has none). */
  readonly name: string;
  readonly match: FilterChainMatchConfig;
  readonly tls: DownstreamTls | undefined;
  readonly networkFilters: readonly NetworkFilter[];
  readonly terminal:
    | { readonly kind: 'http'; readonly config: ConnectionManagerConfig }
    | { readonly kind: 'tcp'; readonly config: TcpProxyConfig };
  readonly transportConnectTimeoutMs: number;
}

/** Whether a connection may go on; otherwise why not (`connection_termination_details`). */
export type NetworkVerdict =
  | { readonly allow: true }
  | { readonly allow: false; readonly details: string; readonly flags?: number; readonly delayMs?: number };

/** What the filters of a connection tell each other (Envoy's dynamic metadata). */
export interface ConnectionNotes {
  metadata: Map<string, MetadataFields> | undefined;
}

/** A network filter before the terminal one. */
export interface NetworkFilter {
  readonly name: string;
  onConnection(connection: ConnectionInfo, notes: ConnectionNotes): NetworkVerdict | Promise<NetworkVerdict>;
  /** For each connection that was let in, when it is over. */
  onDisconnect?(): void;
}

/** How a forward proxy is asked to go on. */
export interface TunnelConfig {
  /** `host:port` behind the proxy. */
  readonly authority: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Path of a POST whose bodies are the connection; CONNECT without it. */
  readonly postPath?: string;
}

/** Compiled TcpProxy. */
export interface TcpProxyConfig {
  readonly statPrefix: string;
  /** Weights in any unit. */
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  /** 0 is off (Envoy's default: 1 h). */
  readonly idleTimeoutMs: number;
  readonly maxConnectAttempts: number;
  /** Offered upstream in place of the cluster's own ALPN protocols. */
  readonly alpn?: readonly string[];
  readonly accessLogs: readonly AccessLogger[];
  /** Records TCP metrics when the chain carries the stats filter. */
  readonly onClose: readonly ((info: import('../http/stream-info.js').StreamInfo) => void)[];
  /** 0 is unlimited. */
  readonly maxDownstreamConnectionDurationMs?: number;
  /** The cluster's hosts are forward proxies. */
  readonly tunnel?: TunnelConfig | undefined;
  /** Hashing balancers go by the client's address. */
  readonly hashSource?: boolean;
  /** The server name that the client asks for is the cluster's name. */
  readonly clusterBySni?: boolean;
  /** The server name that the client asks for is looked up, and reached at this port. */
  readonly lookUpSni?: number | undefined;
  /** Called when the connection to upstream is there and its peer known; never for a connection that gets none. */
  readonly onOpen?: readonly ((info: import('../http/stream-info.js').StreamInfo) => void)[];
}
