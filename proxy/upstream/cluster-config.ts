import type { ServiceInfo, WorkloadInfo } from '../http/stream-info.js';
import type { UpstreamTls } from '../tls/context.js';
import type { SlowStart } from './balancers/warm-up.js';
import type { ClusterSettings } from './cluster.js';
import type { SourceAddresses } from './compile-source.js';
import type { HealthCheckConfig } from './health/config.js';
import type { KeepAlive } from './keep-alive.js';

/** A compiled envoy.config.cluster.v3.Cluster; immutable. Times in ms. */
export interface ClusterConfig {
  readonly name: string;
  readonly discovery: Discovery;
  readonly balancer: BalancerConfig;
  readonly common: CommonLbConfig;
  readonly settings: ClusterSettings;
  readonly breakers: { readonly default: BreakerLimits; readonly high: BreakerLimits };
  readonly outlier: OutlierConfig | undefined;
  readonly healthCheck: HealthCheckConfig | undefined;
  readonly transport: TransportConfig;
  readonly keepAlive: KeepAlive | undefined;
  /** Absent leaves it to the kernel. */
  readonly source?: SourceAddresses | undefined;
  readonly service: ServiceInfo | undefined;
}

export type Discovery =
  | { readonly kind: 'static'; readonly endpoints: EndpointsConfig }
  | { readonly kind: 'dns'; readonly logical: boolean; readonly endpoints: EndpointsConfig; readonly dns: DnsConfig }
  | { readonly kind: 'eds'; readonly serviceName: string }
  | ({ readonly kind: 'outside' } & OutsideConfig)
  | { readonly kind: 'original-dst'; readonly header: string | undefined; readonly portOverride: number | undefined };

/** A dynamic forward proxy's DNS cache. */
export interface OutsideConfig extends DnsConfig {
  readonly maxHosts: number;
  /** How long a host that nobody asks for is kept. */
  readonly hostTtlMs: number;
}

export interface DnsConfig {
  readonly refreshMs: number;
  readonly family: 'auto' | 'v4' | 'v6' | 'v4-preferred' | 'all';
  readonly failureRefreshMs: number;
  /** Further failures double the wait up to this; absent leaves it as it is. */
  readonly failureMaxMs?: number;
  /** Whether the lifetime of what was found goes before `refreshMs`. */
  readonly respectTtl?: boolean;
}

export type BalancerConfig =
  | { readonly kind: 'round-robin'; readonly slowStart?: SlowStart }
  | { readonly kind: 'least-request'; readonly choices: number; readonly bias: number; readonly slowStart?: SlowStart }
  | { readonly kind: 'random' }
  | { readonly kind: 'ring-hash'; readonly minimum: number; readonly maximum: number; readonly useHostname: boolean }
  | { readonly kind: 'maglev'; readonly tableSize: number; readonly useHostname: boolean }
  | { readonly kind: 'cluster-provided' };

export interface CommonLbConfig {
  /** Percent of healthy hosts below which health is disregarded; 0 is never. */
  readonly panicThreshold: number;
  readonly localityWeighted: boolean;
  readonly zoneAware: ZoneAwareConfig;
  readonly closeOnHostSetChange: boolean;
}

/** When and how much the own zone is preferred; without effect in a proxy that does not know its own cluster. */
export interface ZoneAwareConfig {
  /** Share of the choices for which zones count, 0 to 1. */
  readonly enabled: number;
  /** Healthy hosts below which zones do not count. */
  readonly minClusterSize: number;
  /** Percent of the own cluster below which zones do not count; 0 is never. */
  readonly panicThreshold: number;
  /** Whether requests then fail. */
  readonly failOnPanic: boolean;
}

/** How many retries may run at once: percent (0–100) of the requests, and the floor. */
export interface RetryBudget {
  readonly percent: number;
  readonly minConcurrency: number;
  /** Requests that began within this time count; 0: those that are under way. */
  readonly intervalMs: number;
}

export interface BreakerLimits {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  readonly retryBudget: RetryBudget | undefined;
  readonly trackRemaining: boolean;
}

/** envoy.config.cluster.v3.OutlierDetection with its defaults filled in. Percentages are 0–100. */
export interface OutlierConfig {
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionJitterMs: number;
  readonly maxEjectionPercent: number;
  readonly alwaysEjectOneHost: boolean;
  readonly splitLocalOrigin: boolean;
  readonly consecutive5xx: number;
  readonly enforcingConsecutive5xx: number;
  readonly consecutiveGatewayFailure: number;
  readonly enforcingConsecutiveGatewayFailure: number;
  readonly consecutiveLocalOriginFailure: number;
  readonly enforcingConsecutiveLocalOriginFailure: number;
  readonly enforcingSuccessRate: number;
  readonly enforcingLocalOriginSuccessRate: number;
  readonly successRateMinimumHosts: number;
  readonly successRateRequestVolume: number;
  /** Divided by 1000 already. */
  readonly successRateStdevFactor: number;
  readonly failurePercentageThreshold: number;
  readonly enforcingFailurePercentage: number;
  readonly enforcingFailurePercentageLocalOrigin: number;
  readonly failurePercentageMinimumHosts: number;
  readonly failurePercentageRequestVolume: number;
  /** What of a response is an error, where that is not its being a 5xx. */
  readonly isError: ((status: number) => boolean) | undefined;
}

/** How a connection to a host is protected: the first match by the endpoint's metadata, else the default. */
export interface TransportConfig {
  readonly fallback: TransportChoice;
  readonly matches: readonly TransportMatch[];
  /** Equal for configurations that protect connections in the same way; hosts and their pools survive then. */
  readonly fingerprint: string;
}

export interface TransportChoice {
  /** undefined is plaintext. */
  readonly tls: UpstreamTls | undefined;
  /** Version of the PROXY header with which connections begin; absent is none. */
  readonly proxyProtocol?: 1 | 2;
}

export interface TransportMatch extends TransportChoice {
  readonly name: string;
  /** All of these must be in `envoy.transport_socket_match` of the endpoint; none matches every endpoint. */
  readonly criteria: ReadonlyMap<string, string>;
}

/** A compiled ClusterLoadAssignment. */
export interface EndpointsConfig {
  readonly endpoints: readonly EndpointConfig[];
  /** In percent, 140 by default. */
  readonly overprovisioning: number;
  /** Weight of a locality within a priority; localities without a weight get no load under locality weighting. */
  readonly localityWeights: readonly LocalityWeight[];
}

export interface LocalityWeight {
  readonly priority: number;
  readonly locality: string;
  readonly weight: number;
}

export interface EndpointConfig {
  /** An IP address, or a name where DNS finds the addresses. */
  readonly host: string;
  readonly port: number;
  readonly hostname: string;
  /** `hash_key` of the metadata `envoy.lb`; may be empty. */
  readonly hashKey: string;
  readonly weight: number;
  readonly priority: number;
  /** `region/zone/sub_zone`. */
  readonly locality: string;
  readonly health: 'healthy' | 'degraded' | 'unhealthy';
  readonly healthCheck: {
    readonly disabled: boolean;
    readonly port: number | undefined;
    readonly hostname: string;
  };
  readonly transportMetadata: ReadonlyMap<string, string>;
  readonly workload: WorkloadInfo | undefined;
}
