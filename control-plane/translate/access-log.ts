import { EXTENSION } from '../../common/xds/type-urls.js';
import type { AccessLog } from '../../proto/gen/envoy/config/accesslog/v3/AccessLog.js';
import type { SubstitutionFormatString } from '../../proto/gen/envoy/config/core/v3/SubstitutionFormatString.js';
import type { OpenTelemetryAccessLogConfig } from '../../proto/gen/envoy/extensions/access_loggers/open_telemetry/v3/OpenTelemetryAccessLogConfig.js';
import type { KeyValueList } from '../../proto/gen/opentelemetry/proto/common/v1/KeyValueList.js';
import type { ExtensionProvider, OpenTelemetryLogProvider } from '../api/kinds/extension-provider.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import type { EffectiveAccessLog } from '../model/telemetry.js';
import type { ProxyContext } from './context.js';
import { any, struct } from './messages.js';
import { providerCluster } from './provider-cluster.js';
import { isLogFormat, logFormat } from './substitution.js';

/** Operators of Istio's default format, by the keys of its JSON form. */
const OPERATORS = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
} as const;

function defaultText(): string {
  const o = OPERATORS;
  const fields = [
    `[${o.start_time}]`,
    `"${o.method} ${o.path} ${o.protocol}"`,
    o.response_code,
    o.response_flags,
    o.response_code_details,
    o.connection_termination_details,
    `"${o.upstream_transport_failure_reason}"`,
    o.bytes_received,
    o.bytes_sent,
    o.duration,
    o.upstream_service_time,
    `"${o.x_forwarded_for}"`,
    `"${o.user_agent}"`,
    `"${o.request_id}"`,
    `"${o.authority}"`,
    `"${o.upstream_host}"`,
    o.upstream_cluster,
    o.upstream_local_address,
    o.downstream_local_address,
    o.downstream_remote_address,
    o.requested_server_name,
    o.route_name,
  ];
  return `${fields.join(' ')}\n`;
}

export const DEFAULT_TEXT_FORMAT: string = defaultText();

const ENVOY_PROVIDER: ExtensionProvider = { name: 'envoy', envoyFileAccessLog: { path: '/dev/stdout' } };

/** The access logs of a workload as client or as server: by Telemetry, else by MeshConfig. */
export function accessLogs(
  context: ProxyContext,
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  mode: 'CLIENT' | 'SERVER',
): AccessLog[] {
  const { settings, telemetries } = context.snapshot;
  const effective = telemetries.accessLogs(workload, mode);
  if (telemetries.configures(workload) || effective.length > 0) {
    return effective.flatMap((log) => providerLog(context, log));
  }
  if (settings.accessLog.file === '') return [];
  return [fileLog(settings.accessLog.file, meshFormat(settings), undefined)];
}

function providerLog(context: ProxyContext, log: EffectiveAccessLog): AccessLog[] {
  const { settings } = context.snapshot;
  const provider = settings.providers.get(log.provider) ?? (log.provider === 'envoy' ? ENVOY_PROVIDER : undefined);
  if (provider?.envoyOtelAls !== undefined) return otelLog(context, provider.envoyOtelAls, log.filter);
  const file = provider?.envoyFileAccessLog;
  if (file === undefined) return [];
  const { text, labels } = file.logFormat ?? {};
  const format: SubstitutionFormatString = {
    ...(labels !== undefined
      ? { json_format: struct(sound(labels)) }
      : text !== undefined
        ? { text_format_source: { inline_string: textFormat(text) } }
        : meshFormat(settings)),
    ...(file.omitEmptyValues === true && { omit_empty_values: true }),
  };
  return [fileLog(file.path ?? '/dev/stdout', format, log.filter)];
}

const OTEL_LOG_NAME = 'otel_envoy_accesslog';
/** Where Istio's own filters keep the peers. */
const PEERS = ['upstream_peer', 'downstream_peer'];

/** The one operator that Envoy knows by an extension only. */
function formatters(format: object): Pick<SubstitutionFormatString, 'formatters'> {
  if (!JSON.stringify(format).includes('%REQ_WITHOUT_QUERY(')) return {};
  const name = 'envoy.formatter.req_without_query';
  return { formatters: [{ name, typed_config: any(EXTENSION.reqWithoutQuery, {}) }] };
}

/** Logs by OTLP; nothing where the collector is no service that this client may know. */
function otelLog(
  context: ProxyContext,
  { logName, logFormat, ...where }: OpenTelemetryLogProvider,
  filter: string | undefined,
): AccessLog[] {
  const found = providerCluster(context, where);
  if (found === undefined) return [];
  const { cluster, hostname } = found;
  const { text = '', labels = {} } = logFormat ?? {};
  const config: OpenTelemetryAccessLogConfig = {
    common_config: {
      log_name: logName || OTEL_LOG_NAME,
      grpc_service: { envoy_grpc: { cluster_name: cluster, authority: hostname } },
      transport_api_version: 'V3',
      filter_state_objects_to_log: PEERS,
    },
    disable_builtin_labels: true,
    body: { string_value: text === '' || !isLogFormat(text) ? DEFAULT_TEXT_FORMAT : text },
    ...(Object.keys(labels).length > 0 && { attributes: { values: attributes(sound(labels)) } }),
  };
  return [
    {
      name: 'envoy.access_loggers.open_telemetry',
      ...celFilter(filter),
      typed_config: any(EXTENSION.otlpAccessLog, { ...config, ...formatters([text, labels]) }),
    },
  ];
}

/** Labels have texts only; as with Istio, anything else is an empty one. */
function attributes(labels: Readonly<Record<string, unknown>>): NonNullable<KeyValueList['values']> {
  return Object.keys(labels)
    .sort()
    .map((key) => ({ key, value: { string_value: typeof labels[key] === 'string' ? labels[key] : '' } }));
}

function meshFormat({ accessLog }: MeshSettings): SubstitutionFormatString {
  if (accessLog.json) return { json_format: struct(sound(jsonFormat(accessLog.format))) };
  return {
    text_format_source: { inline_string: textFormat(accessLog.format) },
  };
}

function jsonFormat(text: string): Readonly<Record<string, unknown>> {
  if (text === '') return OPERATORS;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // A format that is no JSON object: the default one, as Istio does.
  }
  return OPERATORS;
}

/** The fields of a JSON format with what is no format in them as plain text. */
function sound(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const value = (given: unknown): unknown => {
    if (typeof given === 'string') return logFormat(given);
    if (Array.isArray(given)) return given.map(value);
    return typeof given === 'object' && given !== null ? sound({ ...given }) : given;
  };
  return Object.fromEntries(Object.entries(fields).map(([name, given]) => [name, value(given)]));
}

/** One line; the default format in place of one that would be refused together with the listener. */
function textFormat(text: string): string {
  if (text === '' || !isLogFormat(text)) return DEFAULT_TEXT_FORMAT;
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** A process whose standard output is a socket cannot open it by its path. */
const STREAMS: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  '/dev/stdout': { name: 'envoy.access_loggers.stdout', type: EXTENSION.stdoutAccessLog },
  '/dev/stderr': { name: 'envoy.access_loggers.stderr', type: EXTENSION.stderrAccessLog },
};

function fileLog(path: string, format: SubstitutionFormatString, filter: string | undefined): AccessLog {
  const { name, type } = STREAMS[path] ?? { name: 'envoy.access_loggers.file', type: EXTENSION.fileAccessLog };
  return {
    name,
    ...celFilter(filter),
    typed_config: any(type, {
      ...(type === EXTENSION.fileAccessLog && { path }),
      log_format: { ...format, ...formatters(format) },
    }),
  };
}

function celFilter(expression: string | undefined): Pick<AccessLog, 'filter'> {
  if (expression === undefined || expression === '') return {};
  return {
    filter: {
      extension_filter: {
        name: 'envoy.access_loggers.extension_filters.cel',
        typed_config: any(EXTENSION.celAccessLogFilter, { expression }),
      },
    },
  };
}
