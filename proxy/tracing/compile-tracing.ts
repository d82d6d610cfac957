import type { Counter } from '../../common/runtime/counters.js';
import type { OpenTelemetryConfig__Output } from '../../proto/gen/envoy/config/trace/v3/OpenTelemetryConfig.js';
import type { ZipkinConfig__Output } from '../../proto/gen/envoy/config/trace/v3/ZipkinConfig.js';
import type { HttpConnectionManager__Output } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { UuidRequestIdConfig__Output } from '../../proto/gen/envoy/extensions/request_id/uuid/v3/UuidRequestIdConfig.js';
import type { Percent__Output } from '../../proto/gen/envoy/type/v3/Percent.js';
import type { Any__Output } from '../../proto/gen/google/protobuf/Any.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import { compileCustomTags } from './custom-tags.js';
import type { Sampling, TraceReason } from './sampling.js';
import type { Tracer, TracingConfig } from './tracer.js';
import type { Tracers } from './tracers.js';

const ZIPKIN = 'envoy.config.trace.v3.ZipkinConfig';
const OPEN_TELEMETRY = 'envoy.config.trace.v3.OpenTelemetryConfig';
const DEFAULT_PATH_LENGTH = 256;

/** Compiles HttpConnectionManager.tracing; undefined where nothing is traced, or after an error. */
export function compileTracing(
  manager: HttpConnectionManager__Output,
  egress: boolean,
  parts: { readonly tracers: Tracers; readonly counters: (name: string) => Counter },
  issues: Issues,
): TracingConfig | undefined {
  const message = manager.tracing;
  if (message === undefined) return undefined;
  issues.ignore(message, ['verbose', 'operation', 'upstream_operation']);
  const tracer = compileProvider(message.provider?.typed_config, parts.tracers, issues.at('provider'));
  if (tracer === undefined) return undefined;
  const counters = new Map<TraceReason, Counter>();
  for (const reason of ['not_traceable', 'client_enabled', 'service_forced', 'random_sampling'] as const) {
    counters.set(reason, parts.counters(`http.${manager.stat_prefix ?? ''}.tracing.${reason}`));
  }
  const { id, zone } = parts.tracers.node;
  return {
    tracer,
    egress,
    sampling: compileSampling(manager),
    maxPathLength: message.max_path_tag_length?.value ?? DEFAULT_PATH_LENGTH,
    customTags: compileCustomTags(message.custom_tags ?? [], issues.at('custom_tags')),
    attemptSpans: message.spawn_upstream_span?.value === true,
    propagates: message.no_context_propagation !== true,
    node: { id, zone },
    count: (reason) => counters.get(reason)?.increment(),
  };
}

function compileProvider(config: Any__Output | undefined, tracers: Tracers, issues: Issues): Tracer | undefined {
  const type = typeUrlOf(config);
  if (config === undefined || type === '') {
    issues.warn('is missing: no span is reported');
    return undefined;
  }
  if (type.endsWith(`/${ZIPKIN}`)) return tracers.zipkin(unpacked<ZipkinConfig__Output>(config), issues);
  if (type.endsWith(`/${OPEN_TELEMETRY}`))
    return tracers.openTelemetry(unpacked<OpenTelemetryConfig__Output>(config), issues);
  issues.error(`'${type}' is not supported`);
  return undefined;
}

const share = (percent: Percent__Output | undefined): number => Number(percent?.value ?? 100) / 100;

function compileSampling(manager: HttpConnectionManager__Output): Sampling {
  const { tracing } = manager;
  const extension = manager.request_id_extension?.typed_config;
  const requestId = extension && unpacked<UuidRequestIdConfig__Output>(extension);
  return {
    client: share(tracing?.client_sampling),
    random: share(tracing?.random_sampling),
    overall: share(tracing?.overall_sampling),
    byRequestId: requestId?.use_request_id_for_trace_sampling?.value !== false,
    packReason: requestId?.pack_trace_reason?.value !== false,
  };
}
