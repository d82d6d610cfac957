import { EXTENSION } from '../../common/xds/type-urls.js';
import type { HttpService } from '../../proto/gen/envoy/config/core/v3/HttpService.js';
import type { OpenTelemetryConfig } from '../../proto/gen/envoy/config/trace/v3/OpenTelemetryConfig.js';
import type { ZipkinConfig } from '../../proto/gen/envoy/config/trace/v3/ZipkinConfig.js';
import type { HttpConnectionManager } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { CustomTag as CustomTagMessage } from '../../proto/gen/envoy/type/tracing/v3/CustomTag.js';
import { clusterDomain, serviceHost } from '../api/hosts.js';
import type {
  ExtensionProvider,
  OpenTelemetryProvider,
  ProviderHeader,
  ZipkinProvider,
} from '../api/kinds/extension-provider.js';
import type { CustomTag } from '../api/kinds/telemetry.js';
import { durationMs } from '../model/mesh-settings.js';
import { canonicalName, canonicalRevision } from '../model/service.js';
import type { EffectiveTracing, Mode } from '../model/telemetry-tracing.js';
import type { ProxyContext } from './context.js';
import { CLUSTER_ID } from './endpoints.js';
import { any, bool, duration } from './messages.js';
import { type ProviderCluster, providerCluster } from './provider-cluster.js';

/** Percent of requests where nobody says (PILOT_TRACE_SAMPLING). */
const DEFAULT_SAMPLING = 1;
const ZIPKIN_PATH = '/api/v2/spans';
const DEFAULT_TIMEOUT_MS = 5000;

/** The part of a connection manager that is about traces. */
export type TracingFields = Pick<HttpConnectionManager, 'tracing' | 'request_id_extension'>;

type Tracing = NonNullable<HttpConnectionManager['tracing']>;

/** What a connection manager of this proxy says about traces; nothing where no span is reported. */
export function tracingFields(context: ProxyContext, mode: Mode): TracingFields {
  const { snapshot, client } = context;
  const effective = snapshot.telemetries.tracing(client, mode);
  if (effective === undefined) return {};
  if (effective === 'legacy') return legacyFields(context);
  const provider = snapshot.settings.providers.get(effective.provider);
  const tracer = provider && tracerOf(context, provider);
  if (tracer === undefined) return {};
  const { defaults } = snapshot.settings.tracing;
  return {
    tracing: {
      ...sampling(effective.sampling ?? defaults.sampling ?? DEFAULT_SAMPLING),
      ...tags(context, effective.istioTags, effective.customTags ?? defaults.customTags ?? {}),
      ...pathLength(tracer.maxTagLength ?? defaults.maxPathTagLength),
      provider: { name: tracer.name, typed_config: tracer.config },
      // At the edge, what a gateway does and what comes after it are two things.
      ...(context.node.role === 'router' && { spawn_upstream_span: bool(true) }),
      ...(!effective.propagates && { no_context_propagation: true }),
    },
    ...requestId(effective),
  };
}

/** Whether any request of this client is traced, so that its routes name what they lead to. */
export function isTraced(context: ProxyContext): boolean {
  return context.snapshot.telemetries.tracing(context.client, 'CLIENT') !== undefined;
}

/** MeshConfig.enableTracing with defaultConfig.tracing.zipkin, as it was before Telemetry. */
function legacyFields(context: ProxyContext): TracingFields {
  const { defaults } = context.snapshot.settings.tracing;
  const [, service = '', port] = /^(.*?)(?::(\d+))?$/.exec(defaults.zipkin?.address ?? '') ?? [];
  const tracer = zipkinTracer(context, { service: fullName(service, context), port: Number(port ?? 9411) });
  if (tracer === undefined) return {};
  return {
    tracing: {
      ...sampling(defaults.sampling ?? DEFAULT_SAMPLING),
      ...tags(context, defaults.enableIstioTags ?? true, defaults.customTags ?? {}),
      ...pathLength(defaults.maxPathTagLength),
      provider: { name: tracer.name, typed_config: tracer.config },
    },
  };
}

/** `zipkin.istio-system` is a name as pods resolve it. */
function fullName(service: string, context: ProxyContext): string {
  const whole = [service, `${service}.svc.${clusterDomain()}`, serviceHost(service, context.node.namespace)];
  return whole.find((host) => context.byHost.has(host)) ?? service;
}

interface TracerMessage {
  readonly name: string;
  readonly config: ReturnType<typeof any>;
  readonly maxTagLength?: number | undefined;
}

function tracerOf(context: ProxyContext, provider: ExtensionProvider): TracerMessage | undefined {
  if (provider.zipkin !== undefined) return zipkinTracer(context, provider.zipkin);
  return provider.opentelemetry && openTelemetryTracer(context, provider.opentelemetry);
}

function zipkinTracer(context: ProxyContext, provider: ZipkinProvider): TracerMessage | undefined {
  const found = providerCluster(context, provider);
  if (found === undefined) return undefined;
  const config: ZipkinConfig = {
    collector_endpoint_version: 'HTTP_JSON',
    trace_id_128bit: provider.enable64bitTraceId !== true,
    shared_span_context: bool(false),
    collector_service: httpService(found, provider.path || ZIPKIN_PATH, provider),
    ...(provider.traceContextOption === 'USE_B3_WITH_W3C_PROPAGATION' && { trace_context_option: 1 }),
  };
  return {
    name: 'envoy.tracers.zipkin',
    config: any(EXTENSION.zipkinTracer, config),
    maxTagLength: provider.maxTagLength,
  };
}

function openTelemetryTracer(context: ProxyContext, provider: OpenTelemetryProvider): TracerMessage | undefined {
  const found = providerCluster(context, provider);
  if (found === undefined) return undefined;
  const config: OpenTelemetryConfig = {
    service_name: serviceName(context),
    ...(provider.http === undefined
      ? { grpc_service: grpcService(found, provider) }
      : { http_service: httpService(found, rooted(provider.http.path), provider.http) }),
    ...(provider.resourceDetectors?.environment !== undefined && {
      resource_detectors: [
        {
          name: 'envoy.tracers.opentelemetry.resource_detectors.environment',
          typed_config: any(EXTENSION.environmentResourceDetector),
        },
      ],
    }),
  };
  return {
    name: 'envoy.tracers.opentelemetry',
    config: any(EXTENSION.openTelemetryTracer, config),
    maxTagLength: provider.maxTagLength,
  };
}

function grpcService(
  { cluster, hostname }: ProviderCluster,
  { grpc }: OpenTelemetryProvider,
): NonNullable<OpenTelemetryConfig['grpc_service']> {
  return {
    envoy_grpc: { cluster_name: cluster, authority: hostname },
    ...(grpc?.timeout !== undefined && { timeout: duration(durationMs(grpc.timeout, DEFAULT_TIMEOUT_MS)) }),
    ...(grpc?.initialMetadata !== undefined && {
      initial_metadata: grpc.initialMetadata.map((header) => ({ key: header.name, value: headerValue(header) })),
    }),
  };
}

function httpService(
  { cluster, hostname }: ProviderCluster,
  path: string,
  { timeout, headers }: { readonly timeout?: string; readonly headers?: readonly ProviderHeader[] },
): HttpService {
  return {
    http_uri: {
      uri: `http://${hostname}${path}`,
      cluster,
      timeout: duration(durationMs(timeout, DEFAULT_TIMEOUT_MS)),
    },
    ...(headers !== undefined && {
      request_headers_to_add: headers.map((header) => ({
        header: { key: header.name, value: headerValue(header) },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' as const,
      })),
    }),
  };
}

const rooted = (path: string): string => (path.startsWith('/') ? path : `/${path}`);

/** Values from the environment are the control plane's: only names of variables stand in the configuration. */
function headerValue({ value, envName }: ProviderHeader): string {
  return value ?? process.env[envName ?? ''] ?? '';
}

function serviceName({ client, node }: ProxyContext): string {
  return `${client.labels['app'] ?? node.workload}.${client.namespace}`;
}

function sampling(percent: number): Tracing {
  return { client_sampling: { value: 100 }, random_sampling: { value: percent }, overall_sampling: { value: 100 } };
}

function pathLength(length: number | undefined): Tracing {
  return length === undefined || length === 0 ? {} : { max_path_tag_length: { value: length } };
}

function tags(context: ProxyContext, istioTags: boolean, custom: Readonly<Record<string, CustomTag>>): Tracing {
  const all = [...(istioTags ? ownTags(context) : []), ...Object.entries(custom).map(customTag)];
  return { custom_tags: all.sort((a, b) => ((a.tag ?? '') < (b.tag ?? '') ? -1 : 1)) };
}

function customTag([tag, { literal, environment, header, formatter }]: readonly [string, CustomTag]): CustomTagMessage {
  const defaulted = (named: { readonly name: string; readonly defaultValue?: string }) => ({
    name: named.name,
    ...(named.defaultValue !== undefined && { default_value: named.defaultValue }),
  });
  if (literal !== undefined) return { tag, literal };
  if (environment !== undefined) return { tag, environment: defaulted(environment) };
  if (header !== undefined) return { tag, request_header: defaulted(header) };
  return { tag, value: formatter?.value ?? '' };
}

/** Istio's own tags: which service, version and mesh the span is of. */
function ownTags({ client, node, workload }: ProxyContext): CustomTagMessage[] {
  const described = workload ?? { labels: client.labels, workloadName: node.workload };
  const literal = (tag: string, value: string): CustomTagMessage => ({ tag, literal: { value } });
  return [
    literal('istio.canonical_revision', canonicalRevision(described)),
    literal('istio.canonical_service', canonicalName(described)),
    literal('istio.cluster_id', node.metadata?.['CLUSTER_ID'] ?? CLUSTER_ID),
    literal('istio.mesh_id', node.metadata?.['MESH_ID'] ?? 'unknown'),
    literal('istio.namespace', client.namespace),
  ];
}

function requestId({ byRequestId }: EffectiveTracing): Pick<HttpConnectionManager, 'request_id_extension'> {
  if (byRequestId) return {};
  return {
    request_id_extension: {
      typed_config: any(EXTENSION.uuidRequestId, { use_request_id_for_trace_sampling: bool(false) }),
    },
  };
}
