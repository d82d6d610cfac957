import type { Clock } from '../../common/runtime/clock.js';
import type { Counter } from '../../common/runtime/counters.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { OpenTelemetryAccessLogConfig__Output } from '../../proto/gen/envoy/extensions/access_loggers/open_telemetry/v3/OpenTelemetryAccessLogConfig.js';
import type { AnyValue__Output } from '../../proto/gen/opentelemetry/proto/common/v1/AnyValue.js';
import type { KeyValueList__Output } from '../../proto/gen/opentelemetry/proto/common/v1/KeyValueList.js';
import { callGrpc } from '../router/forward/grpc-call.js';
import type { ServiceClient } from '../router/forward/service-call.js';
import type { Issues } from '../snapshot/issues.js';
import { durationMs } from '../snapshot/wire-values.js';
import type { TracedNode } from '../tracing/tracers.js';
import { ExportQueue } from './export-queue.js';
import type { Expressions } from './expressions/compile.js';
import { compileFormat, type FormatContext } from './format.js';
import { checkFormatters, operatorDeps } from './log-formatters.js';
import { type AnyValue, encodeOtlp, type KeyValue, nanoseconds, SCOPE, textAttribute } from './otlp.js';

export interface OtlpLogsDeps {
  readonly clock: Clock;
  readonly services: ServiceClient;
  readonly counters: (name: string) => Counter;
  readonly node: TracedNode;
}

/** A finished request as it is sent: its texts are made when it is over, since its heads do not wait. */
interface LogRecord {
  readonly startMs: number;
  readonly body: AnyValue | undefined;
  readonly attributes: readonly KeyValue[];
  readonly traceId: string;
  readonly spanId: string;
}

const EXPORT_PATH = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
const TIMEOUT_MS = 5000;
const STATS = 'access_logs.open_telemetry_access_log.';

type Render = (context: FormatContext) => AnyValue | undefined;

/** The access logs of a process that go to OpenTelemetry collectors; those that are configured alike share a queue. */
export class OtlpLogs {
  private readonly queues = new Map<string, ExportQueue<LogRecord>>();

  constructor(private readonly deps: OtlpLogsDeps) {}

  /** Compiles envoy.access_loggers.open_telemetry; undefined after an error. */
  compile(
    config: OpenTelemetryAccessLogConfig__Output,
    expressions: Expressions,
    issues: Issues,
  ): ((context: FormatContext) => void) | undefined {
    const before = issues.errors.length;
    const common = config.common_config ?? {};
    const at = issues.at('common_config');
    at.ignore(common, ['buffer_size_bytes', 'grpc_stream_retry_policy', 'custom_tags']);
    if ((common.grpc_service?.envoy_grpc?.cluster_name ?? '') === '') {
      at.at('grpc_service').error('names no cluster to send logs to');
      return undefined;
    }
    checkFormatters(config.formatters, issues.at('formatters'));
    const body = config.body && compileValue(config.body, expressions, issues.at('body'));
    const attributes = compileList(config.attributes, expressions, issues.at('attributes'));
    if (issues.errors.length > before) return undefined;
    const queue = this.queue(config);
    return (context) => {
      const { info } = context;
      queue.add({
        startMs: info.startEpoch,
        body: body?.(context),
        attributes: attributes(context),
        traceId: info.traceId,
        spanId: info.spanId,
      });
    };
  }

  private queue(config: OpenTelemetryAccessLogConfig__Output): ExportQueue<LogRecord> {
    // Format and attributes belong to the records: what tells queues apart is where they send, and as whom.
    const { body: _body, attributes: _attributes, ...where } = config;
    const key = JSON.stringify(where);
    let queue = this.queues.get(key);
    if (queue === undefined) {
      queue = this.newQueue(config);
      this.queues.set(key, queue);
    }
    return queue;
  }

  private newQueue(config: OpenTelemetryAccessLogConfig__Output): ExportQueue<LogRecord> {
    const { clock, services, counters, node } = this.deps;
    const { grpc_service: grpc, buffer_flush_interval: interval } = config.common_config ?? {};
    const cluster = grpc?.envoy_grpc?.cluster_name ?? '';
    const where = {
      cluster,
      authority: grpc?.envoy_grpc?.authority || cluster,
      path: EXPORT_PATH,
      timeoutMs: durationMs(grpc?.timeout) ?? TIMEOUT_MS,
      metadata: (grpc?.initial_metadata ?? []).map(({ key = '', value = '' }) => [key, value] as const),
    };
    const resource = resourceOf(config, node);
    const prefix = (config.stat_prefix ?? '') === '' ? STATS : `${STATS}${config.stat_prefix}.`;
    const flushMs = durationMs(interval);
    return new ExportQueue({
      clock,
      send: async (batch) => {
        await callGrpc(services, { ...where, message: encodeLogs(batch, resource) });
      },
      sent: counters(`${prefix}logs_written`),
      dropped: counters(`${prefix}logs_dropped`),
      failed: counters(`${prefix}reports_failed`),
      ...(flushMs !== undefined && flushMs > 0 && { flushMs }),
    });
  }
}

function encodeLogs(batch: readonly LogRecord[], resource: readonly KeyValue[]): Buffer {
  const records = batch.map(({ startMs, body, attributes, traceId, spanId }) => ({
    time_unix_nano: nanoseconds(startMs),
    ...(body !== undefined && { body }),
    attributes,
    ...(traceId !== '' && { trace_id: Buffer.from(traceId.padStart(32, '0'), 'hex') }),
    ...(spanId !== '' && { span_id: Buffer.from(spanId, 'hex') }),
  }));
  return encodeOtlp('ExportLogsServiceRequest', {
    resource_logs: [{ resource: { attributes: resource }, scope_logs: [{ scope: SCOPE, log_records: records }] }],
  });
}

/** Envoy's own labels of the resource, and those of the configuration. */
function resourceOf(config: OpenTelemetryAccessLogConfig__Output, node: TracedNode): readonly KeyValue[] {
  const own =
    config.disable_builtin_labels === true
      ? []
      : [
          textAttribute('log_name', config.common_config?.log_name ?? ''),
          textAttribute('zone_name', node.zone),
          textAttribute('cluster_name', node.cluster),
          textAttribute('node_name', node.id),
        ];
  const given = (config.resource_attributes?.values ?? []).map(({ key = '', value }) =>
    textAttribute(key, value?.string_value ?? ''),
  );
  return [...own, ...given];
}

function compileList(
  list: KeyValueList__Output | undefined,
  expressions: Expressions,
  issues: Issues,
): (context: FormatContext) => KeyValue[] {
  const members = (list?.values ?? []).map(({ key = '', value }, index) => ({
    key,
    render: value === undefined ? () => undefined : compileValue(value, expressions, issues.at('values').at(index)),
  }));
  return (context) => {
    const rendered: KeyValue[] = [];
    for (const { key, render } of members) {
      const value = render(context);
      if (value !== undefined) rendered.push({ key, value });
    }
    return rendered;
  };
}

/** Texts are formats, as everywhere in access logs; lists and mappings hold such. */
function compileValue(value: AnyValue__Output, expressions: Expressions, issues: Issues): Render {
  const { kvlist_value: fields, array_value: items, string_value: text } = value;
  if (fields !== undefined) {
    const render = compileList(fields, expressions, issues);
    return (context) => ({ kvlist_value: { values: render(context) } });
  }
  if (items !== undefined) {
    const renders = (items.values ?? []).map((item, index) => compileValue(item, expressions, issues.at(index)));
    return (context) => ({
      array_value: { values: renders.map((render) => render(context)).filter((item) => item !== undefined) },
    });
  }
  if (text === undefined) {
    issues.error('must be a text, a list or a mapping');
    return () => undefined;
  }
  try {
    const { format } = compileFormat(text, operatorDeps(expressions, issues));
    return (context) => ({ string_value: format(context) });
  } catch (error) {
    issues.error(messageOf(error));
    return () => undefined;
  }
}
