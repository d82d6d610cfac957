import { encodeOtlp, type KeyValue, nanoseconds, SCOPE, textAttribute } from '../telemetry/otlp.js';
import type { Span, SpanTag } from './span.js';

/** Attributes that are numbers by OpenTelemetry's conventions. */
const NUMBERS: ReadonlySet<string> = new Set(['http.response.status_code', 'server.port', 'rpc.grpc.status_code']);

/** A batch as an encoded ExportTraceServiceRequest. */
export function otlpSpans(batch: readonly Span[], resource: readonly KeyValue[]): Buffer {
  return encodeOtlp('ExportTraceServiceRequest', {
    resource_spans: [
      { resource: { attributes: resource }, scope_spans: [{ scope: SCOPE, spans: batch.map(encodeSpan) }] },
    ],
  });
}

function encodeSpan({ context, parentId, name, kind, start, end, error, tags }: Span): object {
  return {
    trace_id: Buffer.from(context.traceId.padStart(32, '0'), 'hex'),
    span_id: Buffer.from(context.spanId, 'hex'),
    trace_state: context.state,
    ...(parentId !== '' && { parent_span_id: Buffer.from(parentId, 'hex') }),
    name,
    kind: kind === 'client' ? 'SPAN_KIND_CLIENT' : 'SPAN_KIND_SERVER',
    start_time_unix_nano: nanoseconds(start),
    end_time_unix_nano: nanoseconds(end),
    attributes: unique(tags).map(attribute),
    ...(error && { status: { code: 'STATUS_CODE_ERROR' } }),
    flags: context.sampled ? 1 : 0,
  };
}

/** Names of attributes are unique: the last value counts. */
function unique(tags: readonly SpanTag[]): readonly SpanTag[] {
  return [...new Map(tags)];
}

function attribute([key, value]: SpanTag): KeyValue {
  return NUMBERS.has(key) ? { key, value: { int_value: Number(value) } } : textAttribute(key, value);
}
