import type { Duration, Labels, MatchLabelsSelector, PortSelector } from './shared.js';

/** networking.istio.io DestinationRule. */
export interface DestinationRuleSpec {
  readonly host: string;
  readonly trafficPolicy?: TrafficPolicy;
  readonly subsets?: readonly Subset[];
  readonly exportTo?: readonly string[];
  /** Only for the clients that it selects, in the rule's own namespace. */
  readonly workloadSelector?: MatchLabelsSelector;
}

export interface Subset {
  readonly name: string;
  readonly labels?: Labels;
  readonly trafficPolicy?: TrafficPolicy;
}

/** What a port may set for itself; it does not inherit from the destination's policy. */
export interface PortPolicy {
  readonly loadBalancer?: LoadBalancerSettings;
  readonly connectionPool?: ConnectionPoolSettings;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: ClientTlsSettings;
}

export interface PortTrafficPolicy extends PortPolicy {
  readonly port?: PortSelector;
}

export interface TrafficPolicy extends PortPolicy {
  readonly portLevelSettings?: readonly PortTrafficPolicy[];
  readonly tunnel?: { readonly protocol?: string; readonly targetHost: string; readonly targetPort: number };
  readonly proxyProtocol?: { readonly version?: 'V1' | 'V2' };
  readonly retryBudget?: {
    readonly percent?: number;
    readonly minRetryConcurrency?: number;
    readonly budgetInterval?: Duration;
  };
}

export interface LoadBalancerSettings {
  /** At most one of simple and consistentHash. UNSPECIFIED and LEAST_CONN mean LEAST_REQUEST, the default. */
  readonly simple?: 'UNSPECIFIED' | 'LEAST_CONN' | 'RANDOM' | 'PASSTHROUGH' | 'ROUND_ROBIN' | 'LEAST_REQUEST';
  readonly consistentHash?: ConsistentHash;
  readonly localityLbSetting?: LocalityLoadBalancerSetting;
  readonly zoneAwareLbSetting?: ZoneAwareLoadBalancerSetting;
  readonly warmupDurationSecs?: Duration;
  readonly warmup?: { readonly duration: Duration; readonly minimumPercent?: number; readonly aggression?: number };
  /** Not acted on in this release. */
  readonly backendUtilization?: {
    readonly metricNamesForComputingUtilization?: readonly string[];
    readonly errorUtilizationPenaltyPercent?: number;
    readonly weightExpirationPeriod?: Duration;
    readonly weightStabilizationPeriod?: Duration;
    readonly weightUpdatePeriod?: Duration;
  };
}

export interface ConsistentHash {
  /** Exactly one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName. */
  readonly httpHeaderName?: string;
  readonly httpCookie?: {
    readonly name: string;
    readonly path?: string;
    /** `0s` makes a session cookie; unset makes none. */
    readonly ttl?: Duration;
    readonly attributes?: readonly { readonly name: string; readonly value?: string }[];
  };
  readonly useSourceIp?: boolean;
  readonly httpQueryParameterName?: string;
  /** At most one of ringHash and maglev; unset means ringHash. */
  readonly ringHash?: { readonly minimumRingSize?: number };
  readonly maglev?: { readonly tableSize?: number };
  /** Deprecated form of ringHash.minimumRingSize. */
  readonly minimumRingSize?: number;
}

export interface ConnectionPoolSettings {
  readonly tcp?: {
    readonly maxConnections?: number;
    readonly connectTimeout?: Duration;
    readonly tcpKeepalive?: { readonly probes?: number; readonly time?: Duration; readonly interval?: Duration };
    readonly maxConnectionDuration?: Duration;
    readonly idleTimeout?: Duration;
  };
  readonly http?: {
    readonly http1MaxPendingRequests?: number;
    readonly http2MaxRequests?: number;
    /** 0 means no limit. */
    readonly maxRequestsPerConnection?: number;
    readonly maxRetries?: number;
    readonly idleTimeout?: Duration;
    readonly h2UpgradePolicy?: 'DEFAULT' | 'DO_NOT_UPGRADE' | 'UPGRADE';
    readonly useClientProtocol?: boolean;
    readonly maxConcurrentStreams?: number;
    readonly http2KeepAlive?: { readonly interval?: Duration; readonly timeout?: Duration };
  };
}

export interface OutlierDetection {
  /** Deprecated and without effect, as in Istio. */
  readonly consecutiveErrors?: number;
  readonly splitExternalLocalOriginErrors?: boolean;
  readonly consecutiveLocalOriginFailures?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly consecutive5xxErrors?: number;
  readonly interval?: Duration;
  readonly baseEjectionTime?: Duration;
  readonly maxEjectionPercent?: number;
  readonly minHealthPercent?: number;
  readonly outlierDetectionHttpErrorCodes?: readonly number[];
}

export interface ClientTlsSettings {
  readonly mode?: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly credentialName?: string;
  readonly subjectAltNames?: readonly string[];
  readonly sni?: string;
  readonly insecureSkipVerify?: boolean;
  readonly caCrl?: string;
}

export interface LocalityFailover {
  readonly from?: string;
  readonly to?: string;
}

export interface LocalityLoadBalancerSetting {
  readonly distribute?: readonly { readonly from?: string; readonly to?: Readonly<Record<string, number>> }[];
  readonly failover?: readonly LocalityFailover[];
  readonly failoverPriority?: readonly string[];
  readonly enabled?: boolean;
}

export interface ZoneAwareLoadBalancerSetting {
  readonly enabled?: boolean;
  readonly failover?: readonly LocalityFailover[];
  readonly failoverPriority?: readonly string[];
  readonly minClusterSize?: number;
}
