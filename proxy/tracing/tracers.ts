import { isIP } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import type { Counter } from '../../common/runtime/counters.js';
import type { HttpService__Output } from '../../proto/gen/envoy/config/core/v3/HttpService.js';
import type { Node__Output } from '../../proto/gen/envoy/config/core/v3/Node.js';
import type { OpenTelemetryConfig__Output } from '../../proto/gen/envoy/config/trace/v3/OpenTelemetryConfig.js';
import type { ZipkinConfig__Output } from '../../proto/gen/envoy/config/trace/v3/ZipkinConfig.js';
import { callGrpc } from '../router/forward/grpc-call.js';
import type { ServiceClient } from '../router/forward/service-call.js';
import type { Issues } from '../snapshot/issues.js';
import { durationMs, typeUrlOf } from '../snapshot/wire-values.js';
import { ExportQueue } from '../telemetry/export-queue.js';
import { type KeyValue, textAttribute } from '../telemetry/otlp.js';
import { extractB3, injectB3 } from './b3.js';
import type { Span, SpanSink } from './span.js';
import { MALFORMED } from './trace-context.js';
import type { Tracer } from './tracer.js';
import { extractW3c, injectTraceparent, injectW3c } from './w3c.js';
import { zipkinJson } from './zipkin.js';

export interface TracersDeps {
  readonly clock: Clock;
  readonly services: ServiceClient;
  readonly counters: (name: string) => Counter;
  readonly node: TracedNode;
}

/** Who we are to those who read traces. */
export interface TracedNode {
  readonly id: string;
  /** `app.namespace`: the name of the service. */
  readonly cluster: string;
  readonly zone: string;
  readonly ip: string;
}

/** From the node of the bootstrap, whose ID has the address in Istio's form: `sidecar~IP~…`. */
export function tracedNode(node: Node__Output): TracedNode {
  const id = node.id ?? '';
  const [, address = ''] = id.split('~');
  return { id, cluster: node.cluster ?? '', zone: node.locality?.zone ?? '', ip: isIP(address) === 0 ? '' : address };
}

const DEFAULT_TIMEOUT_MS = 5000;
const EXPORT_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** Where and how a batch is sent. */
interface Collector {
  readonly cluster: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly timeoutMs: number;
}

/** The tracers of a process: listeners that are configured alike share one, and with it its queue. */
export class Tracers {
  private readonly byConfig = new Map<string, Tracer>();

  constructor(private readonly deps: TracersDeps) {}

  get node(): TracedNode {
    return this.deps.node;
  }

  zipkin(message: ZipkinConfig__Output, issues: Issues): Tracer | undefined {
    const { collector_endpoint_version: version = 'HTTP_JSON' } = message;
    if (version !== 'HTTP_JSON' && version !== 'DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE') {
      issues.at('collector_endpoint_version').error(`${version} is not supported, only HTTP_JSON`);
      return undefined;
    }
    const collector =
      message.collector_service === undefined
        ? legacyZipkin(message)
        : httpCollector(message.collector_service, issues);
    if (collector === undefined) return undefined;
    return this.shared('zipkin', message, () => this.makeZipkin(message, collector));
  }

  openTelemetry(message: OpenTelemetryConfig__Output, issues: Issues): Tracer | undefined {
    issues.refuse(message, ['sampler']);
    const { grpc_service: grpc, http_service: http } = message;
    const timeoutMs = durationMs(grpc?.timeout) ?? DEFAULT_TIMEOUT_MS;
    if (http !== undefined) {
      const collector = httpCollector(http, issues);
      return collector && this.shared('opentelemetry', message, () => this.makeOtlp(message, this.otlpHttp(collector)));
    }
    const cluster = grpc?.envoy_grpc?.cluster_name ?? '';
    if (cluster === '') {
      issues.error('has neither grpc_service.envoy_grpc nor http_service');
      return undefined;
    }
    const metadata = (grpc?.initial_metadata ?? []).map(({ key = '', value = '' }) => [key, value] as const);
    const authority = grpc?.envoy_grpc?.authority || cluster;
    const send = async (body: Buffer): Promise<void> => {
      const where = { cluster, authority, path: EXPORT_PATH, timeoutMs };
      await callGrpc(this.deps.services, { ...where, message: body, metadata });
    };
    return this.shared('opentelemetry', message, () => this.makeOtlp(message, send));
  }

  private shared(kind: string, message: object, make: () => Tracer): Tracer {
    const key = `${kind} ${JSON.stringify(message)}`;
    let tracer = this.byConfig.get(key);
    if (tracer === undefined) {
      tracer = make();
      this.byConfig.set(key, tracer);
    }
    return tracer;
  }

  private makeZipkin(message: ZipkinConfig__Output, collector: Collector): Tracer {
    const both = message.trace_context_option === 1;
    const endpoint = { serviceName: this.deps.node.cluster, ip: this.deps.node.ip };
    return {
      traceIdBytes: message.trace_id_128bit === true ? 16 : 8,
      namesByHost: true,
      extract(headers) {
        const b3 = extractB3(headers);
        if (!both || b3 === MALFORMED || b3.parent !== undefined) return b3;
        const w3c = extractW3c(headers);
        return w3c === MALFORMED || w3c.parent !== undefined ? w3c : b3;
      },
      inject(headers, context, parentId) {
        injectB3(headers, context, parentId);
        if (both) injectTraceparent(headers, context);
      },
      sink: this.queue('zipkin', (batch) => this.post(collector, 'application/json', zipkinJson(batch, endpoint))),
    };
  }

  private makeOtlp(message: OpenTelemetryConfig__Output, send: (body: Buffer) => Promise<void>): Tracer {
    const resource = resourceOf(message, this.deps.node);
    return {
      traceIdBytes: 16,
      namesByHost: false,
      extract: extractW3c,
      inject: injectW3c,
      sink: this.queue('opentelemetry', async (batch) => {
        const { otlpSpans } = await import('./otlp-spans.js');
        await send(otlpSpans(batch, resource));
      }),
    };
  }

  private otlpHttp(collector: Collector): (body: Buffer) => Promise<void> {
    return (body) => this.post(collector, 'application/x-protobuf', body);
  }

  private queue(kind: string, send: (batch: readonly Span[]) => Promise<void>): SpanSink {
    const counter = (name: string): Counter => this.deps.counters(`tracing.${kind}.${name}`);
    return new ExportQueue({
      clock: this.deps.clock,
      send,
      sent: counter('spans_sent'),
      dropped: counter('spans_dropped'),
      failed: counter('reports_failed'),
    });
  }

  private async post(collector: Collector, type: string, body: Buffer): Promise<void> {
    const { cluster, authority, path, timeoutMs, headers } = collector;
    const request = { cluster, authority, path, timeoutMs, method: 'POST', body };
    const answer = await this.deps.services.call({ ...request, headers: [['content-type', type], ...headers] });
    if (answer.status >= 300) throw new Error(`${cluster} answered ${answer.status}`);
  }
}

function legacyZipkin(message: ZipkinConfig__Output): Collector {
  const cluster = message.collector_cluster ?? '';
  return {
    cluster,
    authority: message.collector_hostname || cluster,
    path: message.collector_endpoint ?? '',
    headers: [],
    timeoutMs: DEFAULT_TIMEOUT_MS,
  };
}

function httpCollector(service: HttpService__Output, issues: Issues): Collector | undefined {
  const uri = service.http_uri;
  const cluster = uri?.cluster ?? '';
  if (cluster === '') {
    issues.error('names no cluster to send spans to');
    return undefined;
  }
  const [, host = '', path = ''] = /^(?:[a-z]+:\/\/)?([^/]*)(\/.*)?$/i.exec(uri?.uri ?? '') ?? [];
  return {
    cluster,
    authority: host === '' ? cluster : host,
    path: path === '' ? '/' : path,
    headers: (service.request_headers_to_add ?? []).map(
      ({ header }) => [header?.key ?? '', header?.value ?? ''] as const,
    ),
    timeoutMs: durationMs(uri?.timeout) ?? DEFAULT_TIMEOUT_MS,
  };
}

const ENVIRONMENT_DETECTOR = 'EnvironmentResourceDetectorConfig';

/** Attributes of everything that this process reports; those of OTEL_RESOURCE_ATTRIBUTES where a detector asks for them. */
function resourceOf(message: OpenTelemetryConfig__Output, node: TracedNode): readonly KeyValue[] {
  const attributes = new Map<string, string>();
  const detectors = message.resource_detectors ?? [];
  if (detectors.some(({ typed_config: config }) => typeUrlOf(config).endsWith(ENVIRONMENT_DETECTOR))) {
    for (const pair of (process.env['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',')) {
      const [key = '', value] = pair.split('=');
      if (value !== undefined) attributes.set(key.trim(), decodeURIComponent(value.trim()));
    }
  }
  attributes.set('service.name', message.service_name || node.cluster);
  attributes.set('telemetry.sdk.name', 'weft');
  attributes.set('telemetry.sdk.language', 'nodejs');
  return [...attributes].map(([key, value]) => textAttribute(key, value));
}
