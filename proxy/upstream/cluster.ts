import type { Socket } from 'node:net';
import type { PeerInfo, ServiceInfo, WorkloadInfo } from '../http/stream-info.js';
import type { Http2Settings } from '../http2/options.js';
import type { RetryBudget } from './cluster-config.js';
import type { ProxiedConnection } from './proxy-header.js';
import type { RecentRequests } from './recent-requests.js';
import type { TrafficStats } from './traffic-stats.js';

/** What the router and the TCP proxy see of upstream. Implemented by the cluster manager in this folder. */
export interface Clusters {
  /** The live cluster of this name; undefined gives 503 NC. */
  get(name: string): Cluster | undefined;
}

export interface Cluster {
  readonly name: string;
  readonly settings: ClusterSettings;
  readonly service: ServiceInfo | undefined;
  /** Set for a cluster of type dynamic_forward_proxy, whose hosts are named by {@link LoadBalancerContext.destination}. */
  readonly outside?: OutsidePreparation | undefined;
  readonly traffic: TrafficStats;
  /** Counters and current values of the circuit breakers of a priority. */
  resources(priority: 'default' | 'high'): ClusterResources;
  /** The host for one attempt; undefined gives 503 UH. Panic, priorities, locality and the balancer are all in here. */
  chooseHost(context: LoadBalancerContext): Host | undefined;
  /** Opens a connection, TLS included. Events come as with any socket; `secureConnect`-readiness is hidden behind `onReady`. */
  connect(
    host: Host,
    events: ConnectEvents,
    protocol?: WireProtocol,
    relayed?: RelayedConnection,
    /** Where names follow the request: the one that it names. */
    serverName?: string,
  ): Socket;
  /** What a finished attempt means for outlier detection. */
  report(host: Host, outcome: AttemptOutcome): void;
}

/** For a connection upstream that belongs to one connection downstream. */
export interface RelayedConnection {
  readonly downstream: ProxiedConnection;
  /** Offered in the place of the cluster's protocols. */
  readonly alpn?: readonly string[] | undefined;
}

/** The hosts of a cluster of type dynamic_forward_proxy. */
export interface OutsidePreparation {
  /** Undefined when the host of an authority can be used now; else a promise of the reason why it cannot, or of none. */
  prepare(authority: string): undefined | Promise<OutsideFailure | undefined>;
}

/** Why a host of a dynamic forward proxy cannot be had. */
export type OutsideFailure = 'unresolved' | 'overflow' | 'own-listener';

/** What a connection speaks: HTTP/1.1, HTTP/2, or what ALPN settles, HTTP/1.1 on plaintext. */
export type WireProtocol = 'http1' | 'http2' | 'auto';

export interface ConnectEvents {
  /** Connected, TLS verified; bytes may flow. */
  onReady(peer: PeerInfo): void;
  /** Never became ready; `detail` is `%UPSTREAM_TRANSPORT_FAILURE_REASON%`. No further event follows. */
  onFailed(reason: 'connect-failure' | 'connect-timeout', detail: string): void;
  /** Whether a request is under way. */
  readonly busy?: boolean;
}

/** UpstreamHttpProtocolOptions: what of TLS follows the authority of a request. */
export interface NamesByRequest {
  /** The server name that TLS indicates. */
  readonly sni: boolean;
  /** One of the names in the server's certificate. */
  readonly certificate: boolean;
  /** Header that goes before the authority where it is there, lower-case; empty without one. */
  readonly header: string;
}

export interface ClusterSettings {
  readonly connectTimeoutMs: number;
  /** Idle pooled connections close after this, ms; 0 is never. */
  readonly idleTimeoutMs: number;
  /** 0 is unlimited. */
  readonly maxRequestsPerConnection: number;
  /** 0 is unlimited. */
  readonly maxConnectionDurationMs: number;
  /** What HTTP connections speak; `downstream` goes by the request. Absent is HTTP/1.1. */
  readonly protocol?: WireProtocol | 'downstream';
  /** Of HTTP/2 connections; `maxConcurrentStreams` are the requests at once on one. */
  readonly http2?: Http2Settings;
  /** The server's name, and the name that its certificate must bear, come from each request. */
  readonly namesByRequest?: NamesByRequest;
  /** Whether the balancer goes by a hash of the request; where it does not, none is worked out. */
  readonly usesHash?: boolean;
  /** Set for a cluster of type ORIGINAL_DST: the caller tells the address in {@link LoadBalancerContext.destination}. */
  readonly originalDestination?: { readonly header: string | undefined };
}

/** Current use of one priority's circuit breakers; the pool and the router count up and down. */
export interface ClusterResources {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  /** Set when it replaces maxRetries. */
  readonly retryBudget: RetryBudget | undefined;
  /** Set when the budget is about the requests of some time: those are told to it. */
  readonly recent?: RecentRequests | undefined;
  connections: number;
  pending: number;
  requests: number;
  retries: number;
  /** Whether the statistics tell what is left. */
  readonly trackRemaining: boolean;
  /** Requests, connections and retries that a limit refused, for statistics. */
  overflows: number;
  connectionOverflows: number;
  retryOverflows: number;
  /** Retries so far, requests that needed no further one after one, and requests that had none left. */
  retriesBegun: number;
  retrySuccesses: number;
  retryLimits: number;
}

export interface LoadBalancerContext {
  /** Hash of the route's hash policies; undefined lets hashing balancers choose at random. */
  readonly hash: bigint | undefined;
  /** Hosts that were tried already, when the retry policy wants others. */
  readonly avoid: readonly Host[];
  readonly avoidAttempts: number;
  /** Priorities that were tried already, when the retry policy wants others; where all were, it begins anew. */
  readonly avoidPriorities?: ReadonlySet<number> | undefined;
  /** `ip:port` for clusters of type ORIGINAL_DST: the connection's original destination, or the header's value. The authority for a dynamic forward proxy. */
  readonly destination?: string | undefined;
}

export interface Host {
  /** `ip:port`. */
  readonly address: string;
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly priority: number;
  readonly workload: WorkloadInfo | undefined;
  /** Whether the endpoint's metadata offers mesh mTLS (`envoy.transport_socket_match: {tlsMode: istio}`). */
  readonly meshTls: boolean;
  /** The endpoint's name, for `auto_host_rewrite`; empty or absent when it has none. */
  readonly hostname?: string;
  /** Requests under way; balancers read it, the router counts. */
  activeRequests: number;
  /** Totals for /clusters. */
  readonly stats: HostStats;
  /** The connections to this host; made by the HTTP pool at the first request, drained when the host goes. */
  pool: HostPool | undefined;
}

export interface HostStats {
  total: number;
  success: number;
  error: number;
  connectFail: number;
  timeout: number;
}

export interface HostPool {
  /** Idle connections close now, busy ones after their request. */
  drain(): void;
}

export type AttemptOutcome =
  /** A response came. */
  | { readonly kind: 'response'; readonly status: number }
  /** Envoy's local-origin failures: connect failure, timeout, reset. */
  | { readonly kind: 'connect-failure' | 'timeout' | 'reset' };
