import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { HttpProtocolOptions as CommonHttpOptions } from '../../proto/gen/envoy/config/core/v3/HttpProtocolOptions.js';
import type { UpstreamHttpProtocolOptions } from '../../proto/gen/envoy/config/core/v3/UpstreamHttpProtocolOptions.js';
import type { ClusterConfig as ForwardProxyConfig } from '../../proto/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/ClusterConfig.js';
import type { HttpProtocolOptions } from '../../proto/gen/envoy/extensions/upstreams/http/v3/HttpProtocolOptions.js';
import type { ServiceInfo } from '../http/stream-info.js';
import { compileHttp2Options, type OptionsReport } from '../http2/compile-options.js';
import type { ClusterSettings } from './cluster.js';
import type { ClusterConfig, CommonLbConfig, Discovery } from './cluster-config.js';
import { compileBalancer } from './compile-balancer.js';
import { compileEndpoints } from './compile-endpoints.js';
import { compileBreakers, compileOutlier } from './compile-limits.js';
import { compileSource } from './compile-source.js';
import { type CompileUpstreamTls, compileTransport } from './compile-transport.js';
import { durationMs, FieldReport, filterMetadata, isRecord, numberValue, stringMember } from './fields.js';
import { compileHealthCheck } from './health/compile.js';
import type { KeepAlive } from './keep-alive.js';

export type CompiledCluster =
  | { readonly ok: true; readonly config: ClusterConfig; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly errors: readonly string[] };

/** What the compiler needs from elsewhere. */
export interface ClusterCompilerDeps {
  readonly compileTls: CompileUpstreamTls;
}

/**
 * Validates and compiles envoy.config.cluster.v3.Cluster. All errors are collected, each with the path of its field;
 * fields that are not acted on and cannot do harm become warnings.
 */
export function compileCluster(message: Cluster, deps: ClusterCompilerDeps): CompiledCluster {
  const report = new FieldReport();
  const name = message.name ?? '';
  if (name === '') report.error('name', 'is required');
  const options = protocolOptions(message, report);
  const config: ClusterConfig = {
    name,
    discovery: compileDiscovery(message, report),
    balancer: compileBalancer(message, report),
    common: compileCommon(message, report),
    settings: compileSettings(message, options, report),
    breakers: compileBreakers(message.circuit_breakers, report),
    outlier: compileOutlier(message.outlier_detection, options?.outlier_detection?.error_matcher, report),
    healthCheck: compileHealthCheck(message.health_checks ?? [], report),
    transport: compileTransport(message, deps.compileTls, report),
    keepAlive: compileKeepAlive(message),
    source: compileSource(message, report),
    service: serviceOf(message),
  };
  reportUnused(message, report);
  if (report.errors.length > 0) return { ok: false, errors: report.errors };
  return { ok: true, config, warnings: report.warnings };
}

function compileDiscovery(message: Cluster, report: FieldReport): Discovery {
  if (message.cluster_type !== undefined && message.cluster_type !== null) {
    return compileExtension(message.cluster_type, report);
  }
  const assignment = message.load_assignment ?? {};
  switch (message.type ?? 'STATIC') {
    case 'EDS': {
      const serviceName = message.eds_cluster_config?.service_name ?? '';
      if (message.eds_cluster_config === undefined || message.eds_cluster_config === null) {
        report.error('eds_cluster_config', 'is required for a cluster of type EDS');
      }
      return { kind: 'eds', serviceName: serviceName === '' ? (message.name ?? '') : serviceName };
    }
    case 'STRICT_DNS':
    case 'LOGICAL_DNS':
      return compileDns(message, report);
    case 'ORIGINAL_DST': {
      const portOverride = numberValue(message.original_dst_lb_config?.upstream_port_override);
      return { kind: 'original-dst', header: originalDstHeader(message), portOverride };
    }
    case 'STATIC':
      return { kind: 'static', endpoints: compileEndpoints(assignment, false, 'load_assignment.', report) };
    default:
      report.error('type', `not supported: ${String(message.type)}`);
      return { kind: 'eds', serviceName: '' };
  }
}

/** A cluster of a type that is an extension: the dynamic forward proxy. */
function compileExtension(type: NonNullable<Cluster['cluster_type']>, report: FieldReport): Discovery {
  const config = type.typed_config as (Partial<ForwardProxyConfig> & { '@type'?: string }) | null | undefined;
  if (config?.['@type'] !== EXTENSION.dynamicForwardProxyCluster) {
    report.error('cluster_type', `extension not supported: ${type.name ?? ''}`);
    return { kind: 'eds', serviceName: '' };
  }
  const cache = config.dns_cache_config;
  if (cache === undefined || cache === null) report.error('cluster_type.dns_cache_config', 'is required');
  if (config.allow_coalesced_connections === true)
    report.warn('cluster_type.allow_coalesced_connections', 'not acted on');
  const refreshMs = durationMs(cache?.dns_refresh_rate) ?? 60_000;
  return {
    kind: 'outside',
    family: FAMILIES[(cache?.dns_lookup_family ?? 'AUTO') as keyof typeof FAMILIES] ?? 'auto',
    refreshMs,
    failureRefreshMs: durationMs(cache?.dns_failure_refresh_rate?.base_interval) ?? refreshMs,
    maxHosts: numberValue(cache?.max_hosts) ?? 1024,
    hostTtlMs: durationMs(cache?.host_ttl) ?? 300_000,
  };
}

/** The request header that names the address, lower-case; undefined when the connection's destination counts. */
function originalDstHeader(message: Cluster): string | undefined {
  const config = message.original_dst_lb_config;
  if (config?.use_http_header !== true) return undefined;
  return (config.http_header_name || 'x-envoy-original-dst-host').toLowerCase();
}

const FAMILIES = {
  AUTO: 'auto',
  V4_ONLY: 'v4',
  V6_ONLY: 'v6',
  V4_PREFERRED: 'v4-preferred',
  ALL: 'all',
} as const;

function compileDns(message: Cluster, report: FieldReport): Discovery {
  const logical = message.type === 'LOGICAL_DNS';
  const endpoints = compileEndpoints(message.load_assignment ?? {}, true, 'load_assignment.', report);
  if (logical && endpoints.endpoints.length !== 1) {
    report.error(
      'load_assignment',
      'LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint',
    );
  }
  const refreshMs = durationMs(message.dns_refresh_rate) ?? 5000;
  if (refreshMs <= 0) report.error('dns_refresh_rate', 'must be above 0s');
  const failure = message.dns_failure_refresh_rate;
  const failureMs = durationMs(failure?.base_interval) ?? refreshMs;
  const family = FAMILIES[(message.dns_lookup_family ?? 'AUTO') as keyof typeof FAMILIES] ?? 'auto';
  return {
    kind: 'dns',
    logical,
    endpoints,
    dns: {
      refreshMs,
      family,
      failureRefreshMs: failureMs,
      respectTtl: message.respect_dns_ttl === true,
      ...(failure && { failureMaxMs: durationMs(failure.max_interval) ?? failureMs * 10 }),
    },
  };
}

function compileCommon(message: Cluster, report: FieldReport): CommonLbConfig {
  const common = message.common_lb_config;
  const panicThreshold = numberValue(common?.healthy_panic_threshold) ?? 50;
  if (panicThreshold < 0 || panicThreshold > 100) {
    report.error('common_lb_config.healthy_panic_threshold', 'must be from 0 to 100');
  }
  const zones = common?.zone_aware_lb_config;
  return {
    panicThreshold,
    localityWeighted: common?.locality_weighted_lb_config !== undefined && common.locality_weighted_lb_config !== null,
    zoneAware: {
      enabled: (numberValue(zones?.routing_enabled) ?? 100) / 100,
      minClusterSize: numberValue(zones?.min_cluster_size) ?? 6,
      panicThreshold,
      failOnPanic: zones?.fail_traffic_on_panic === true,
    },
    closeOnHostSetChange: common?.close_connections_on_host_set_change === true,
  };
}

function compileSettings(
  message: Cluster,
  options: HttpProtocolOptions | undefined,
  report: FieldReport,
): ClusterSettings {
  const connectTimeoutMs = durationMs(message.connect_timeout) ?? 5000;
  if (connectTimeoutMs <= 0) report.error('connect_timeout', 'must be above 0s');
  const common: CommonHttpOptions = options?.common_http_protocol_options ?? message.common_http_protocol_options ?? {};
  return {
    connectTimeoutMs,
    idleTimeoutMs: durationMs(common.idle_timeout) ?? 3_600_000,
    maxRequestsPerConnection:
      numberValue(common.max_requests_per_connection) ?? numberValue(message.max_requests_per_connection) ?? 0,
    maxConnectionDurationMs: durationMs(common.max_connection_duration) ?? 0,
    ...compileProtocol(message, options, report),
    ...compileNames(options?.upstream_http_protocol_options ?? message.upstream_http_protocol_options),
    usesHash: message.lb_policy === 'RING_HASH' || message.lb_policy === 'MAGLEV',
    ...(message.type === 'ORIGINAL_DST' ? { originalDestination: { header: originalDstHeader(message) } } : {}),
  };
}

function compileNames(
  message: UpstreamHttpProtocolOptions | null | undefined,
): Pick<ClusterSettings, 'namesByRequest'> {
  const sni = message?.auto_sni === true;
  const certificate = message?.auto_san_validation === true;
  if (!sni && !certificate) return {};
  return { namesByRequest: { sni, certificate, header: (message?.override_auto_sni_header ?? '').toLowerCase() } };
}

function protocolOptions(message: Cluster, report: FieldReport): HttpProtocolOptions | undefined {
  let found: HttpProtocolOptions | undefined;
  for (const [name, any] of Object.entries(message.typed_extension_protocol_options ?? {})) {
    const type = (any as { readonly '@type'?: string })['@type'];
    if (type === EXTENSION.httpProtocolOptions) found = any as HttpProtocolOptions;
    else
      report.error(`typed_extension_protocol_options[${name}]`, `extension not supported: ${type ?? 'without a type'}`);
  }
  const path = 'typed_extension_protocol_options.';
  if ((found?.http_filters ?? []).some((filter) => filter.name !== 'envoy.filters.http.upstream_codec')) {
    report.error(`${path}http_filters`, 'upstream HTTP filters are not supported');
  }
  return found;
}

/** Which protocol options are set says what is spoken (HttpProtocolOptions.upstream_protocol_options). */
function compileProtocol(
  message: Cluster,
  options: HttpProtocolOptions | undefined,
  report: FieldReport,
): Pick<ClusterSettings, 'protocol' | 'http2'> {
  const explicit = options?.explicit_http_config;
  const auto = options?.auto_config;
  const downstream = options?.use_downstream_protocol_config;
  // The deprecated field of the cluster itself.
  const old = options === undefined ? message.http2_protocol_options : undefined;
  const http2 =
    explicit?.http2_protocol_options ??
    auto?.http2_protocol_options ??
    downstream?.http2_protocol_options ??
    old ??
    undefined;
  const protocol = isSet(explicit?.http2_protocol_options ?? old)
    ? 'http2'
    : isSet(auto)
      ? 'auto'
      : isSet(downstream) && isSet(downstream?.http2_protocol_options)
        ? 'downstream'
        : 'http1';
  return { protocol, ...(isSet(http2) && { http2: compileHttp2Options(http2, belowHttp2(report)) }) };
}

function belowHttp2(report: FieldReport): OptionsReport {
  const below = (path: string): string => `http2_protocol_options.${path}`;
  return {
    error: (path, reason) => report.error(below(path), reason),
    warn: (path, reason) => report.warn(below(path), reason),
  };
}

function compileKeepAlive(message: Cluster): KeepAlive | undefined {
  const keepAlive = message.upstream_connection_options?.tcp_keepalive;
  if (keepAlive === undefined || keepAlive === null) return undefined;
  return {
    time: numberValue(keepAlive.keepalive_time),
    interval: numberValue(keepAlive.keepalive_interval),
    probes: numberValue(keepAlive.keepalive_probes),
  };
}

function serviceOf(message: Cluster): ServiceInfo | undefined {
  const services = filterMetadata(message.metadata, 'istio')?.['services'];
  const first: unknown = Array.isArray(services) ? services[0] : undefined;
  if (!isRecord(first)) return undefined;
  return {
    host: stringMember(first, 'host'),
    name: stringMember(first, 'name'),
    namespace: stringMember(first, 'namespace'),
  };
}

/** Fields that would change what happens to a request are errors; the others are named and left. */
function reportUnused(message: Cluster, report: FieldReport): void {
  if (message.lb_subset_config !== undefined && message.lb_subset_config !== null) {
    report.error('lb_subset_config', 'not supported');
  }
  if ((message.filters ?? []).length > 0) report.error('filters', 'upstream network filters are not supported');
  if (message.upstream_config !== undefined && message.upstream_config !== null) {
    report.error('upstream_config', 'extension not supported');
  }
  const unused = [
    ['lrs_server', isSet(message.lrs_server)],
    ['dns_resolvers', (message.dns_resolvers ?? []).length > 0],
    ['preconnect_policy', isSet(message.preconnect_policy)],
  ] as const;
  for (const [field, present] of unused) if (present) report.warn(field, 'not acted on');
}

function isSet(value: object | null | undefined): boolean {
  return value !== undefined && value !== null;
}
