import type { HealthCheck } from '../../../proto/gen/envoy/config/core/v3/HealthCheck.js';
import { boolValue, durationMs, type FieldReport, numberValue } from '../fields.js';
import type { HealthCheckConfig, ProbeConfig } from './config.js';

const NO_TRAFFIC_MS = 60_000;

/** Cluster.health_checks; Envoy takes one at most. */
export function compileHealthCheck(
  messages: readonly HealthCheck[],
  report: FieldReport,
): HealthCheckConfig | undefined {
  const [message] = messages;
  if (message === undefined) return undefined;
  if (messages.length > 1) report.error('health_checks', 'there can be only one');
  const path = 'health_checks[0]';
  const required = (field: 'timeout' | 'interval'): number => {
    const value = durationMs(message[field]) ?? 0;
    if (value <= 0) report.error(`${path}.${field}`, 'is required and must be above 0s');
    return Math.max(1, value);
  };
  for (const field of ['unhealthy_threshold', 'healthy_threshold'] as const) {
    if (numberValue(message[field]) === undefined) report.error(`${path}.${field}`, 'is required');
  }
  const intervalMs = required('interval');
  const noTrafficIntervalMs = durationMs(message.no_traffic_interval) ?? NO_TRAFFIC_MS;
  const unhealthyIntervalMs = durationMs(message.unhealthy_interval) ?? intervalMs;
  if (message.transport_socket_match_criteria) report.warn(`${path}.transport_socket_match_criteria`, 'not acted on');
  return {
    timeoutMs: required('timeout'),
    intervalMs,
    initialJitterMs: durationMs(message.initial_jitter) ?? 0,
    intervalJitterMs: durationMs(message.interval_jitter) ?? 0,
    intervalJitterPercent: message.interval_jitter_percent ?? 0,
    unhealthyThreshold: numberValue(message.unhealthy_threshold) ?? 1,
    healthyThreshold: numberValue(message.healthy_threshold) ?? 1,
    altPort: numberValue(message.alt_port),
    reuseConnection: boolValue(message.reuse_connection) ?? true,
    noTrafficIntervalMs,
    noTrafficHealthyIntervalMs: durationMs(message.no_traffic_healthy_interval) ?? noTrafficIntervalMs,
    unhealthyIntervalMs,
    unhealthyEdgeIntervalMs: durationMs(message.unhealthy_edge_interval) ?? unhealthyIntervalMs,
    healthyEdgeIntervalMs: durationMs(message.healthy_edge_interval) ?? intervalMs,
    probe: compileProbe(message, path, report),
    fingerprint: JSON.stringify(message),
  };
}

const NOTHING: ProbeConfig = { kind: 'tcp', send: Buffer.alloc(0), receive: [] };

function compileProbe(message: HealthCheck, path: string, report: FieldReport): ProbeConfig {
  if (message.http_health_check) return compileHttp(message.http_health_check, `${path}.http_health_check`, report);
  if (message.grpc_health_check) {
    const { service_name: service = '', authority = '', initial_metadata: metadata = [] } = message.grpc_health_check;
    if (metadata.length > 0) report.warn(`${path}.grpc_health_check.initial_metadata`, 'not acted on');
    return { kind: 'grpc', service, authority };
  }
  if (message.tcp_health_check) {
    const { send, receive = [], proxy_protocol_config: announced } = message.tcp_health_check;
    if (announced) report.error(`${path}.tcp_health_check.proxy_protocol_config`, 'not supported');
    return { kind: 'tcp', send: payload(send), receive: receive.map(payload) };
  }
  report.error(path, 'only http, tcp and grpc health checks are supported');
  return NOTHING;
}

type HttpCheck = NonNullable<HealthCheck['http_health_check']>;

function compileHttp(message: HttpCheck, path: string, report: FieldReport): ProbeConfig {
  for (const field of ['send', 'service_name_matcher'] as const) {
    if (message[field]) report.error(`${path}.${field}`, 'not supported');
  }
  if ((message.receive ?? []).length > 0) report.error(`${path}.receive`, 'not supported');
  if (!message.path) report.error(`${path}.path`, 'is required');
  const method = String(message.method ?? 'GET');
  if (method === 'CONNECT') report.error(`${path}.method`, 'CONNECT is not allowed');
  return {
    kind: 'http',
    host: message.host ?? '',
    path: message.path ?? '/',
    method: method === 'METHOD_UNSPECIFIED' ? 'GET' : method,
    http2: message.codec_client_type === 'HTTP2',
    headers: (message.request_headers_to_add ?? []).map(
      ({ header }) => [header?.key ?? '', header?.value ?? ''] as const,
    ),
    isExpected: inRanges(message.expected_statuses ?? [], (status) => status === 200),
    isRetriable: inRanges(message.retriable_statuses ?? [], () => false),
  };
}

/** Ranges include their start and not their end. */
function inRanges(
  ranges: NonNullable<HttpCheck['expected_statuses']>,
  fallback: (status: number) => boolean,
): (status: number) => boolean {
  if (ranges.length === 0) return fallback;
  return (status) => ranges.some(({ start = 0, end = 0 }) => status >= Number(start) && status < Number(end));
}

/** `text` is hexadecimal. */
function payload(
  message: { readonly text?: string; readonly binary?: Buffer | Uint8Array | string } | null | undefined,
): Buffer {
  if (message?.text !== undefined) return Buffer.from(message.text, 'hex');
  const { binary } = message ?? {};
  return binary === undefined
    ? Buffer.alloc(0)
    : typeof binary === 'string'
      ? Buffer.from(binary, 'base64')
      : Buffer.from(binary);
}
