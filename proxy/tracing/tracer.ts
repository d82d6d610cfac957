import type { HeaderList } from '../http/headers.js';
import type { FormatContext } from '../telemetry/format.js';
import type { Sampling, TraceReason } from './sampling.js';
import type { SpanSink } from './span.js';
import type { MALFORMED, ReceivedContext, TraceContext } from './trace-context.js';

/** How one provider speaks: what it reads and writes in headers, and where its spans go. */
export interface Tracer {
  /** Of trace identifiers that begin here. */
  readonly traceIdBytes: 8 | 16;
  /** Zipkin's spans are called by the host, OpenTelemetry's by the direction, where no route names them. */
  readonly namesByHost: boolean;
  extract(headers: HeaderList): ReceivedContext | typeof MALFORMED;
  inject(headers: HeaderList, context: TraceContext, parentId: string): void;
  readonly sink: SpanSink;
}

/** A tag that the configuration adds (envoy.type.tracing.v3.CustomTag); undefined is left out. */
export interface CustomTag {
  readonly name: string;
  value(context: FormatContext): string | undefined;
}

/** Compiled HttpConnectionManager.Tracing. */
export interface TracingConfig {
  readonly tracer: Tracer;
  /** Whether the connection manager sends requests out, rather than letting them in. */
  readonly egress: boolean;
  readonly sampling: Sampling;
  /** Of a path in `http.url`, characters. */
  readonly maxPathLength: number;
  readonly customTags: readonly CustomTag[];
  /** A span of its own for every attempt (spawn_upstream_span). */
  readonly attemptSpans: boolean;
  readonly propagates: boolean;
  /** `node_id` and `zone`, as every span carries them. */
  readonly node: { readonly id: string; readonly zone: string };
  count(reason: TraceReason): void;
}
