import { parseDuration } from '../api/duration.js';
import type { LocalityLoadBalancerSetting, ZoneAwareLoadBalancerSetting } from '../api/kinds/destination-rule.js';
import type { ExtensionProvider } from '../api/kinds/extension-provider.js';
import type { MeshConfigSpec, ProxyTracing } from '../api/kinds/mesh-config.js';
import type { HttpRetry } from '../api/kinds/virtual-service.js';

/** MeshConfig with its defaults filled in; times in ms. */
export interface MeshSettings {
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  /** Roots beside those of our own authority. */
  readonly caCertificates: readonly CaCertificate[];
  readonly autoMtls: boolean;
  readonly connectTimeoutMs: number;
  readonly tcpKeepalive: MeshConfigSpec['tcpKeepalive'];
  readonly dnsRefreshMs: number;
  readonly defaultRetries: HttpRetry | undefined;
  readonly accessLog: {
    readonly file: string;
    readonly format: string;
    readonly json: boolean;
    /** Providers used when no Telemetry names any. */
    readonly providers: readonly string[];
  };
  /** Providers of metrics where no Telemetry names any. */
  readonly metricsProviders: readonly string[];
  readonly tracing: {
    /** Without a Telemetry and a default provider, spans go to defaultConfig.tracing's collector (enableTracing). */
    readonly legacy: boolean;
    /** The first counts. */
    readonly providers: readonly string[];
    /** What applies where a Telemetry does not say. */
    readonly defaults: ProxyTracing;
  };
  /** Destinations that the mesh does not know are out of reach (outboundTrafficPolicy REGISTRY_ONLY). */
  readonly registryOnly: boolean;
  /** How long the first bytes of a connection are waited for where they decide; undefined leaves it to us. */
  readonly protocolDetectionMs: number | undefined;
  readonly providers: ReadonlyMap<string, ExtensionProvider>;
  readonly normalization: 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  /** How long a sidecar lets requests finish after SIGTERM. */
  readonly terminationDrainMs: number;
  /** How long a sidecar keeps connections of listeners that were replaced. */
  readonly listenerDrainMs: number;
  /** Live requests may be looked at (ISTIO_META_WEFT_TAP in proxyMetadata is not `off`). */
  readonly tap: boolean;
  /** Sidecars are told where the others of their kind are (ISTIO_META_ENABLE_SELF_DISCOVERY in proxyMetadata). */
  readonly selfDiscovery: boolean;
  /** After how many idle seconds a sidecar drops series (ISTIO_META_STATS_EVICTION_SECONDS in proxyMetadata); undefined leaves it to the sidecar. */
  readonly statsEvictionSeconds: string | undefined;
  readonly trustedProxies: number;
  /** What becomes of X-Forwarded-Client-Cert at a gateway. */
  readonly forwardClientCert: ForwardClientCert;
  /** Whether gateways take connections with a PROXY protocol header, and no others. */
  readonly proxyProtocol: boolean;
  readonly minTlsVersion: 'TLSv1_2' | 'TLSv1_3';
  readonly ecdhCurves: readonly string[];
  readonly cipherSuites: readonly string[];
  readonly serviceExportTo: readonly string[];
  readonly virtualServiceExportTo: readonly string[];
  readonly destinationRuleExportTo: readonly string[];
  readonly localityLb: LocalityLoadBalancerSetting;
  readonly zoneAwareLb: ZoneAwareLoadBalancerSetting | undefined;
  /** Whether clients speak HTTP/2 to ports that are named for HTTP; undefined when nobody said. */
  readonly h2Upgrade: boolean | undefined;
  /** What applies where a DestinationRule says nothing. */
  readonly defaultTrafficPolicy: MeshConfigSpec['defaultTrafficPolicy'];
  /** For TLS that DestinationRules ask for. */
  readonly tlsDefaults: { readonly ecdhCurves: readonly string[]; readonly cipherSuites: readonly string[] };
}

/** One of MeshConfig's `caCertificates`, with one of `pem` and `url`. */
export interface CaCertificate {
  readonly pem?: string;
  /** Of a SPIFFE bundle. */
  readonly url?: string;
  /** Empty: our own. */
  readonly trustDomains: readonly string[];
}

function caCertificates(written: MeshConfigSpec['caCertificates'] = []): CaCertificate[] {
  return written.map(({ pem, spiffeBundleUrl, trustDomains = [] }) => ({
    ...(pem === undefined ? spiffeBundleUrl !== undefined && { url: spiffeBundleUrl } : { pem }),
    trustDomains,
  }));
}

/** Our own trust domains: identities of old ones count as ours while a migration lasts. */
export function ownTrustDomains({ trustDomain, trustDomainAliases }: MeshSettings): string[] {
  return [trustDomain, ...trustDomainAliases];
}

/** Trust domains whose own roots vouch for their names. */
export function federatedTrustDomains(settings: MeshSettings): string[] {
  const own = ownTrustDomains(settings);
  const named = settings.caCertificates.flatMap(({ trustDomains }) => trustDomains);
  return [...new Set(named)].filter((domain) => !own.includes(domain));
}

/** What `proxyMetadata` of the mesh and of a workload calls it. */
export const STATS_EVICTION = 'ISTIO_META_STATS_EVICTION_SECONDS';

const EVERYWHERE: readonly string[] = ['*'];

type ForwardClientCert = 'SANITIZE' | 'FORWARD_ONLY' | 'APPEND_FORWARD' | 'SANITIZE_SET' | 'ALWAYS_FORWARD_ONLY';

function forwardClientCert(written: ForwardClientCert | 'UNDEFINED' | undefined): ForwardClientCert {
  return written === undefined || written === 'UNDEFINED' ? 'SANITIZE_SET' : written;
}

export function meshSettings(spec: MeshConfigSpec, rootNamespace: string): MeshSettings {
  const normalization = spec.pathNormalization?.normalization ?? 'DEFAULT';
  return {
    rootNamespace: spec.rootNamespace ?? rootNamespace,
    trustDomain: spec.trustDomain ?? 'cluster.local',
    trustDomainAliases: spec.trustDomainAliases ?? [],
    caCertificates: caCertificates(spec.caCertificates),
    autoMtls: spec.enableAutoMtls ?? true,
    connectTimeoutMs: durationMs(spec.connectTimeout, 10_000),
    tcpKeepalive: spec.tcpKeepalive,
    dnsRefreshMs: durationMs(spec.dnsRefreshRate, 60_000),
    defaultRetries: spec.defaultHttpRetryPolicy,
    accessLog: {
      file: spec.accessLogFile ?? '',
      format: spec.accessLogFormat ?? '',
      json: spec.accessLogEncoding === 'JSON',
      providers: spec.defaultProviders?.accessLogging ?? [],
    },
    // What Istio's chart sets.
    metricsProviders: spec.defaultProviders?.metrics ?? ['prometheus'],
    tracing: {
      legacy: spec.enableTracing === true,
      providers: spec.defaultProviders?.tracing ?? [],
      defaults: spec.defaultConfig?.tracing ?? {},
    },
    registryOnly: spec.outboundTrafficPolicy?.mode === 'REGISTRY_ONLY',
    protocolDetectionMs:
      spec.protocolDetectionTimeout === undefined ? undefined : durationMs(spec.protocolDetectionTimeout, 0),
    providers: new Map((spec.extensionProviders ?? []).map((provider) => [provider.name, provider])),
    normalization: normalization === 'DEFAULT' ? 'BASE' : normalization,
    terminationDrainMs: durationMs(spec.defaultConfig?.terminationDrainDuration, 5_000),
    listenerDrainMs: durationMs(spec.defaultConfig?.drainDuration, 45_000),
    selfDiscovery: spec.defaultConfig?.proxyMetadata?.['ISTIO_META_ENABLE_SELF_DISCOVERY'] === 'true',
    statsEvictionSeconds: spec.defaultConfig?.proxyMetadata?.[STATS_EVICTION],
    tap: spec.defaultConfig?.proxyMetadata?.['ISTIO_META_WEFT_TAP'] !== 'off',
    trustedProxies: spec.defaultConfig?.gatewayTopology?.numTrustedProxies ?? 0,
    forwardClientCert: forwardClientCert(spec.defaultConfig?.gatewayTopology?.forwardClientCertDetails),
    proxyProtocol: spec.defaultConfig?.gatewayTopology?.proxyProtocol !== undefined,
    minTlsVersion: spec.meshMTLS?.minProtocolVersion === 'TLSV1_3' ? 'TLSv1_3' : 'TLSv1_2',
    ecdhCurves: spec.meshMTLS?.ecdhCurves ?? [],
    cipherSuites: spec.meshMTLS?.cipherSuites ?? [],
    serviceExportTo: spec.defaultServiceExportTo ?? EVERYWHERE,
    virtualServiceExportTo: spec.defaultVirtualServiceExportTo ?? EVERYWHERE,
    destinationRuleExportTo: spec.defaultDestinationRuleExportTo ?? EVERYWHERE,
    localityLb: spec.localityLbSetting ?? {},
    zoneAwareLb: spec.zoneAwareLbSetting,
    h2Upgrade: spec.h2UpgradePolicy === undefined ? undefined : spec.h2UpgradePolicy === 'UPGRADE',
    defaultTrafficPolicy: spec.defaultTrafficPolicy,
    tlsDefaults: {
      ecdhCurves: spec.tlsDefaults?.ecdhCurves ?? [],
      cipherSuites: spec.tlsDefaults?.cipherSuites ?? [],
    },
  };
}

/** Milliseconds of a duration that validation has let pass. */
export function durationMs(text: string | undefined, fallback: number): number {
  return (text === undefined ? undefined : parseDuration(text)) ?? fallback;
}
