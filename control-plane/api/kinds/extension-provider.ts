import type { Duration } from './shared.js';

/** MeshConfig.ExtensionProvider: one of the providers. Those typed `unknown` are known by name and not used. */
export interface ExtensionProvider {
  readonly name: string;
  readonly envoyFileAccessLog?: FileAccessLog;
  readonly prometheus?: Readonly<Record<string, never>>;
  readonly envoyExtAuthzHttp?: ExtAuthzHttpProvider;
  readonly envoyExtAuthzGrpc?: ExtAuthzGrpcProvider;
  readonly zipkin?: ZipkinProvider;
  readonly lightstep?: unknown;
  readonly datadog?: unknown;
  readonly stackdriver?: unknown;
  readonly opencensus?: unknown;
  readonly skywalking?: unknown;
  readonly opentelemetry?: OpenTelemetryProvider;
  readonly envoyHttpAls?: unknown;
  readonly envoyTcpAls?: unknown;
  readonly envoyOtelAls?: OpenTelemetryLogProvider;
  readonly sds?: unknown;
}

export interface FileAccessLog {
  readonly path?: string;
  /** One of the two. */
  readonly logFormat?: { readonly text?: string; readonly labels?: Readonly<Record<string, unknown>> };
  readonly omitEmptyValues?: boolean;
}

/** A header of requests to a provider; one of the two values. */
export interface ProviderHeader {
  readonly name: string;
  readonly value?: string;
  /** An environment variable of the control plane. */
  readonly envName?: string;
}

export interface ZipkinProvider {
  /** `[namespace/]hostname`. */
  readonly service: string;
  readonly port: number;
  /** Characters of a path in a tag. */
  readonly maxTagLength?: number;
  readonly enable64bitTraceId?: boolean;
  /** Unset means /api/v2/spans. */
  readonly path?: string;
  readonly traceContextOption?: 'USE_B3' | 'USE_B3_WITH_W3C_PROPAGATION';
  readonly timeout?: Duration;
  readonly headers?: readonly ProviderHeader[];
}

export interface OpenTelemetryProvider {
  readonly service: string;
  readonly port: number;
  readonly maxTagLength?: number;
  /** Unset: gRPC. */
  readonly http?: { readonly path: string; readonly timeout?: Duration; readonly headers?: readonly ProviderHeader[] };
  readonly grpc?: { readonly timeout?: Duration; readonly initialMetadata?: readonly ProviderHeader[] };
  readonly resourceDetectors?: { readonly environment?: Readonly<Record<string, never>>; readonly dynatrace?: unknown };
  readonly serviceAttributeEnrichment?: unknown;
  readonly dynatraceSampler?: unknown;
}

export interface OpenTelemetryLogProvider {
  readonly service: string;
  readonly port: number;
  readonly logName?: string;
  readonly logFormat?: { readonly text?: string; readonly labels?: Readonly<Record<string, unknown>> };
}

/** An authorization service, as AuthorizationPolicies of action CUSTOM name it. */
export interface ExtAuthzGrpcProvider {
  /** `[NAMESPACE/]HOST` of the service. */
  readonly service?: string;
  readonly port?: number;
  /** Unset means 600 s. */
  readonly timeout?: Duration;
  /** Requests go on when the service cannot be asked. */
  readonly failOpen?: boolean;
  readonly clearRouteCache?: boolean;
  /** What clients get when the service cannot be asked; unset means 403. */
  readonly statusOnError?: string;
  readonly includeRequestBodyInCheck?: {
    readonly maxRequestBytes?: number;
    readonly allowPartialMessage?: boolean;
    readonly packAsBytes?: boolean;
  };
}

export interface ExtAuthzHttpProvider extends ExtAuthzGrpcProvider {
  readonly pathPrefix?: string;
  /** Names of headers: exact, `abc*`, `*abc`. */
  readonly includeHeadersInCheck?: readonly string[];
  readonly includeRequestHeadersInCheck?: readonly string[];
  readonly includeAdditionalHeadersInCheck?: Readonly<Record<string, string>>;
  readonly headersToUpstreamOnAllow?: readonly string[];
  readonly headersToDownstreamOnDeny?: readonly string[];
  readonly headersToDownstreamOnAllow?: readonly string[];
}
