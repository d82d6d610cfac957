import type { HttpConnectionManager__Output } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { ConnectionManagerConfig, RouteSource } from '../http/connection-manager-config.js';
import { compileHttp2Options } from '../http2/compile-options.js';
import type { Http2Settings } from '../http2/options.js';
import { compileRouteConfiguration } from '../router/compile-route-table.js';
import type { Issues } from '../snapshot/issues.js';
import { durationMs } from '../snapshot/wire-values.js';
import type { AccessLogger } from '../telemetry/access-log.js';
import { checkConnectionManager } from './compile-connection-manager-check.js';
import type { ListenerDeps, References } from './compile-deps.js';
import { compileHttpFilters } from './compile-http-filters.js';
import { compileInternalAddresses } from './internal-addresses.js';

const HOUR_MS = 3_600_000;
const DEFAULT_STREAM_IDLE_MS = 300_000;
const DEFAULT_DRAIN_MS = 5_000;
const DEFAULT_HEAD_KB = 60;
const DEFAULT_MAX_HEADERS = 100;

const FORWARD_CLIENT_CERT = {
  SANITIZE: 'sanitize',
  FORWARD_ONLY: 'forward-only',
  APPEND_FORWARD: 'append-forward',
  SANITIZE_SET: 'sanitize-set',
  ALWAYS_FORWARD_ONLY: 'always-forward-only',
} as const;

const SERVER_HEADER = {
  OVERWRITE: 'overwrite',
  APPEND_IF_ABSENT: 'append-if-absent',
  PASS_THROUGH: 'pass-through',
} as const;

/** How paths are made comparable before anything looks at them. */
export function pathRules(message: HttpConnectionManager__Output): ConnectionManagerConfig['path'] {
  return {
    normalize: message.normalize_path?.value ?? false,
    mergeSlashes: message.merge_slashes === true,
    escapedSlashes: ESCAPED_SLASHES[message.path_with_escaped_slashes_action ?? 'KEEP_UNCHANGED'],
  };
}

const ESCAPED_SLASHES = {
  IMPLEMENTATION_SPECIFIC_DEFAULT: 'keep',
  KEEP_UNCHANGED: 'keep',
  REJECT_REQUEST: 'reject',
  UNESCAPE_AND_REDIRECT: 'redirect',
  UNESCAPE_AND_FORWARD: 'forward',
} as const;

/** Compiles an HttpConnectionManager with Envoy's defaults; undefined after an error. */
export function compileConnectionManager(
  message: HttpConnectionManager__Output,
  direction: ConnectionManagerConfig['direction'],
  deps: ListenerDeps,
  references: References,
  issues: Issues,
): ConnectionManagerConfig | undefined {
  checkConnectionManager(message, issues);
  const statPrefix = message.stat_prefix ?? '';
  const routes = compileRoutes(message, deps, references, issues);
  const { filters, suppressEnvoyHeaders } = compileHttpFilters(
    message.http_filters ?? [],
    { direction, statPrefix },
    deps.httpFilters,
    issues.at('http_filters'),
  );
  const accessLogs = compileAccessLogs(message.access_log, deps, issues.at('access_log'));
  if (routes === undefined) return undefined;
  const common = message.common_http_protocol_options;
  const http1 = message.http_protocol_options;
  return {
    statPrefix,
    direction,
    routes,
    filters,
    rewritesBodies: filters.some(({ startBody }) => startBody !== undefined),
    accessLogs,
    serverName: message.server_name === undefined || message.server_name === '' ? 'envoy' : message.server_name,
    serverHeader: SERVER_HEADER[message.server_header_transformation ?? 'OVERWRITE'],
    timeouts: compileTimeouts(message),
    maxRequestHeadBytes: (message.max_request_headers_kb?.value ?? DEFAULT_HEAD_KB) * 1024,
    maxRequestHeaders: common?.max_headers_count?.value ?? DEFAULT_MAX_HEADERS,
    requestId: {
      generate: message.generate_request_id?.value ?? true,
      preserveExternal: message.preserve_external_request_id === true,
      alwaysInResponse: message.always_set_request_id_in_response === true,
    },
    xff: {
      useRemoteAddress: message.use_remote_address?.value ?? false,
      trustedHops: message.xff_num_trusted_hops ?? 0,
      skipAppend: message.skip_xff_append === true,
      isInternal: compileInternalAddresses(message.internal_address_config, issues.at('internal_address_config')),
    },
    forwardClientCert: FORWARD_CLIENT_CERT[message.forward_client_cert_details ?? 'SANITIZE'],
    clientCertDetails: compileCertDetails(message),
    upgrades: compileUpgrades(message, issues.at('upgrade_configs')),
    path: pathRules(message),
    stripPort:
      message.strip_any_host_port === true ? 'any' : message.strip_matching_host_port === true ? 'matching' : 'none',
    http10: { accept: http1?.accept_http_10 === true, defaultHost: http1?.default_host_for_http_10 ?? '' },
    via: message.via ?? '',
    http2: compileHttp2(message, issues.at('http2_protocol_options')),
    codec: message.codec_type === 'HTTP1' ? 'http1' : message.codec_type === 'HTTP2' ? 'http2' : 'auto',
    proxy100Continue: message.proxy_100_continue === true,
    maxRequestsPerConnection: common?.max_requests_per_connection?.value ?? 0,
    headersWithUnderscores: UNDERSCORES[common?.headers_with_underscores_action ?? 'ALLOW'],
    suppressEnvoyHeaders,
    tracing: deps.compileTracing(message, direction, issues.at('tracing')),
  };
}

function compileHttp2(message: HttpConnectionManager__Output, issues: Issues): Http2Settings {
  return compileHttp2Options(message.http2_protocol_options, {
    error: (path, reason) => issues.at(path).error(reason),
    warn: (path, reason) => issues.at(path).warn(reason),
  });
}

const UNDERSCORES = { ALLOW: 'allow', REJECT_REQUEST: 'reject', DROP_HEADER: 'drop' } as const;

function compileRoutes(
  message: HttpConnectionManager__Output,
  deps: ListenerDeps,
  references: References,
  issues: Issues,
): RouteSource | undefined {
  if (message.rds !== undefined) {
    const name = message.rds.route_config_name ?? '';
    const source = message.rds.config_source;
    if (source?.ads === undefined && source?.api_config_source === undefined) {
      issues.at('rds').error('routes can come only from an xDS server');
    }
    references.rdsNames.add(name);
    return deps.routeSource(name);
  }
  if (message.route_config === undefined) {
    issues.error('has neither rds nor route_config');
    return undefined;
  }
  const compiled = compileRouteConfiguration(message.route_config, deps.routes);
  const at = issues.at('route_config');
  if ('errors' in compiled) {
    for (const error of compiled.errors) at.error(error);
    return undefined;
  }
  for (const warning of compiled.warnings) at.warn(warning);
  return { rdsName: undefined, current: () => compiled.table };
}

function compileTimeouts(message: HttpConnectionManager__Output): ConnectionManagerConfig['timeouts'] {
  const common = message.common_http_protocol_options;
  return {
    idleMs: durationMs(common?.idle_timeout) ?? HOUR_MS,
    maxConnectionDurationMs: durationMs(common?.max_connection_duration) ?? 0,
    streamIdleMs: durationMs(message.stream_idle_timeout) ?? DEFAULT_STREAM_IDLE_MS,
    requestMs: durationMs(message.request_timeout) ?? 0,
    requestHeadersMs: durationMs(message.request_headers_timeout) ?? 0,
    drainMs: durationMs(message.drain_timeout) ?? DEFAULT_DRAIN_MS,
    maxStreamDurationMs: durationMs(common?.max_stream_duration) ?? 0,
  };
}

function compileCertDetails(message: HttpConnectionManager__Output): ConnectionManagerConfig['clientCertDetails'] {
  const details = message.set_current_client_cert_details;
  return {
    subject: details?.subject?.value === true,
    uri: details?.uri === true,
    dns: details?.dns === true,
    cert: details?.cert === true,
    chain: details?.chain === true,
  };
}

function compileUpgrades(message: HttpConnectionManager__Output, issues: Issues): ReadonlySet<string> {
  const upgrades = new Set<string>();
  (message.upgrade_configs ?? []).forEach((config, index) => {
    issues.at(index).refuse(config, ['filters']);
    if (config.enabled?.value !== false) upgrades.add((config.upgrade_type ?? '').toLowerCase());
  });
  return upgrades;
}

/** Compiles a list of access logs. */
export function compileAccessLogs(
  messages: HttpConnectionManager__Output['access_log'],
  deps: ListenerDeps,
  issues: Issues,
): readonly AccessLogger[] {
  return (messages ?? []).flatMap((message, index) => deps.compileAccessLog(message, issues.at(index)) ?? []);
}
