import type {
  ClientTlsSettings,
  ConnectionPoolSettings,
  LocalityLoadBalancerSetting,
  OutlierDetection,
  ZoneAwareLoadBalancerSetting,
} from './destination-rule.js';
import type { ExtensionProvider } from './extension-provider.js';
import type { Duration } from './shared.js';
import type { CustomTag } from './telemetry.js';
import type { HttpRetry } from './virtual-service.js';

/**
 * MeshConfig (mesh.istio.io v1alpha1), key `mesh` of ConfigMap `istio` in the root namespace. Fields typed `unknown` are
 * known by name and not acted on in this release.
 */
export interface MeshConfigSpec {
  /** Default of connectionPool.tcp.connectTimeout; unset means 10 s. */
  readonly connectTimeout?: Duration;
  readonly tcpKeepalive?: { readonly probes?: number; readonly time?: Duration; readonly interval?: Duration };
  /** `/dev/stdout` or a path turns access logs on for the whole mesh. */
  readonly accessLogFile?: string;
  readonly accessLogFormat?: string;
  /** Unset means TEXT. */
  readonly accessLogEncoding?: 'TEXT' | 'JSON';
  readonly defaultConfig?: ProxyConfig;
  /** Unset means ALLOW_ANY. */
  readonly outboundTrafficPolicy?: {
    readonly mode?: 'REGISTRY_ONLY' | 'ALLOW_ANY' | 'ALLOW_ANY_DYNAMIC_DNS';
    readonly tls?: ClientTlsSettings;
  };
  /** Unset means true: mTLS to workloads that have a sidecar, without a DestinationRule. */
  readonly enableAutoMtls?: boolean;
  /** Unset means cluster.local. */
  readonly trustDomain?: string;
  readonly trustDomainAliases?: readonly string[];
  readonly defaultServiceExportTo?: readonly string[];
  readonly defaultVirtualServiceExportTo?: readonly string[];
  readonly defaultDestinationRuleExportTo?: readonly string[];
  /** Unset means istio-system. */
  readonly rootNamespace?: string;
  readonly dnsRefreshRate?: Duration;
  readonly extensionProviders?: readonly ExtensionProvider[];
  readonly defaultProviders?: {
    readonly tracing?: readonly string[];
    readonly metrics?: readonly string[];
    readonly accessLogging?: readonly string[];
  };
  readonly pathNormalization?: {
    /** Unset means BASE. */
    readonly normalization?: 'DEFAULT' | 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  };
  /** Unset means 2 attempts on connect-failure,refused-stream,unavailable,cancelled. */
  readonly defaultHttpRetryPolicy?: HttpRetry;
  readonly meshMTLS?: MeshTlsConfig;

  readonly localityLbSetting?: LocalityLoadBalancerSetting;
  readonly defaultTrafficPolicy?: {
    readonly connectionPool?: ConnectionPoolSettings;
    readonly outlierDetection?: OutlierDetection;
  };
  readonly tlsDefaults?: MeshTlsConfig;
  readonly enablePrometheusMerge?: boolean;
  readonly proxyListenPort?: number;
  readonly proxyInboundListenPort?: number;
  readonly proxyHttpPort?: number;
  readonly hboneIdleTimeout?: Duration;
  readonly protocolDetectionTimeout?: Duration;
  readonly ingressClass?: string;
  readonly ingressService?: string;
  readonly ingressControllerMode?: 'UNSPECIFIED' | 'OFF' | 'DEFAULT' | 'STRICT';
  readonly ingressSelector?: string;
  readonly enableTracing?: boolean;
  readonly enableEnvoyAccessLogService?: boolean;
  readonly disableEnvoyListenerLog?: boolean;
  readonly inboundTrafficPolicy?: { readonly mode?: 'PASSTHROUGH' | 'LOCALHOST' };
  readonly configSources?: unknown;
  /** Roots beside the mesh's own: PEM, or the URL of a SPIFFE bundle. Without trustDomains they vouch for our own names. */
  readonly caCertificates?: readonly {
    readonly pem?: string;
    readonly spiffeBundleUrl?: string;
    readonly certSigners?: readonly string[];
    readonly trustDomains?: readonly string[];
  }[];
  readonly zoneAwareLbSetting?: ZoneAwareLoadBalancerSetting;
  readonly h2UpgradePolicy?: 'DO_NOT_UPGRADE' | 'UPGRADE';
  readonly inboundClusterStatName?: string;
  readonly outboundClusterStatName?: string;
  readonly certificates?: unknown;
  readonly serviceSettings?: unknown;
  readonly serviceScopeConfigs?: unknown;
  readonly verifyCertificateAtClient?: boolean;
  readonly ca?: unknown;
  readonly discoverySelectors?: unknown;
  readonly serviceEntryVisibility?: unknown;
  readonly defaultInboundHttpRetryPolicy?: HttpRetry;
}

export interface MeshTlsConfig {
  readonly minProtocolVersion?: 'TLS_AUTO' | 'TLSV1_2' | 'TLSV1_3';
  readonly ecdhCurves?: readonly string[];
  readonly cipherSuites?: readonly string[];
}

/** MeshConfig.defaultConfig: what of it concerns a sidecar here. */
export interface ProxyConfig {
  /** Unset means 45 s. */
  readonly drainDuration?: Duration;
  /** Unset means 5 s. */
  readonly terminationDrainDuration?: Duration;
  readonly gatewayTopology?: {
    readonly numTrustedProxies?: number;
    readonly forwardClientCertDetails?:
      | 'UNDEFINED'
      | 'SANITIZE'
      | 'FORWARD_ONLY'
      | 'APPEND_FORWARD'
      | 'SANITIZE_SET'
      | 'ALWAYS_FORWARD_ONLY';
    readonly proxyProtocol?: Readonly<Record<string, never>>;
  };
  readonly proxyHeaders?: unknown;
  readonly configPath?: string;
  readonly binaryPath?: string;
  readonly serviceCluster?: string;
  readonly tracingServiceName?: string;
  readonly discoveryAddress?: string;
  readonly discoveryRefreshDelay?: Duration;
  readonly zipkinAddress?: string;
  readonly statsdUdpAddress?: string;
  readonly envoyMetricsServiceAddress?: string;
  readonly proxyAdminPort?: number;
  readonly availabilityZone?: string;
  readonly controlPlaneAuthPolicy?: string;
  readonly customConfigFile?: string;
  readonly statNameLength?: number;
  readonly concurrency?: number;
  readonly proxyBootstrapTemplatePath?: string;
  readonly interceptionMode?: string;
  readonly tracing?: ProxyTracing;
  readonly sds?: unknown;
  readonly envoyAccessLogService?: unknown;
  readonly envoyMetricsService?: unknown;
  readonly proxyMetadata?: Readonly<Record<string, string>>;
  readonly runtimeValues?: Readonly<Record<string, string>>;
  readonly statusPort?: number;
  readonly extraStatTags?: readonly string[];
  readonly meshId?: string;
  readonly readinessProbe?: unknown;
  readonly proxyStatsMatcher?: unknown;
  readonly holdApplicationUntilProxyStarts?: boolean;
  readonly caCertificatesPem?: readonly string[];
  readonly image?: unknown;
  readonly privateKeyProvider?: unknown;
  readonly fileFlushInterval?: Duration;
  readonly fileFlushMinSizeKb?: number;
  readonly statsCompression?: boolean;
  readonly connectionSettings?: unknown;
}

/** ProxyConfig.tracing: how it was configured before Telemetry. */
export interface ProxyTracing {
  readonly zipkin?: { readonly address?: string };
  readonly lightstep?: unknown;
  readonly datadog?: unknown;
  readonly stackdriver?: unknown;
  readonly openCensusAgent?: unknown;
  readonly customTags?: Readonly<Record<string, CustomTag>>;
  readonly maxPathTagLength?: number;
  /** Percent. */
  readonly sampling?: number;
  readonly tlsSettings?: unknown;
  readonly enableIstioTags?: boolean;
}
