import type { Destination, Duration, Labels, Percent, StringMatch } from './shared.js';

/** networking.istio.io VirtualService. Host names are as written; `resolveHost` completes short ones. */
export interface VirtualServiceSpec {
  readonly hosts?: readonly string[];
  /** Unset means `mesh`, all sidecars. */
  readonly gateways?: readonly string[];
  /** In order; the first route that matches wins. */
  readonly http?: readonly HttpRoute[];
  /** By server name, for ports that carry TLS. */
  readonly tls?: readonly TlsRoute[];
  /** For other ports that carry no HTTP; in order. */
  readonly tcp?: readonly TcpRoute[];
  /** `.` own namespace, `*` all. */
  readonly exportTo?: readonly string[];
}

export interface HttpRoute {
  readonly name?: string;
  /** Any of them; unset or empty matches every request. */
  readonly match?: readonly HttpMatchRequest[];
  /** Exactly one of route, redirect, directResponse and delegate. */
  readonly route?: readonly HttpRouteDestination[];
  readonly redirect?: HttpRedirect;
  readonly directResponse?: HttpDirectResponse;
  /** Another VirtualService, one without hosts, that has the routes; its namespace is the own one when unset. */
  readonly delegate?: { readonly name: string; readonly namespace?: string };
  readonly rewrite?: HttpRewrite;
  /** Unset means none. */
  readonly timeout?: Duration;
  readonly retries?: HttpRetry;
  readonly fault?: HttpFaultInjection;
  readonly mirror?: Destination;
  readonly mirrors?: readonly HttpMirrorPolicy[];
  /** Deprecated form of mirrorPercentage, a whole number of percent. */
  readonly mirrorPercent?: number;
  /** Unset means 100. */
  readonly mirrorPercentage?: Percent;
  readonly corsPolicy?: CorsPolicy;
  readonly headers?: Headers;
}

export interface HttpMatchRequest {
  /**
   * Set by validation, never by users: the match holds a condition that we do not know or do not support, which is left
   * out here. Such a match never matches (it must not match more than was asked for).
   */
  readonly unknownMatch?: true;
  readonly name?: string;
  readonly uri?: StringMatch;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  /** By header name, lower-case. An empty match (`{}`) asks for the header's presence. */
  readonly headers?: Readonly<Record<string, StringMatch>>;
  readonly port?: number;
  /** Only requests of workloads with these labels. */
  readonly sourceLabels?: Labels;
  /** Narrows the VirtualService's own list; without `mesh` in it the match is none of a sidecar's. */
  readonly gateways?: readonly string[];
  readonly queryParams?: Readonly<Record<string, StringMatch>>;
  /** For exact and prefix; a regex keeps its case. */
  readonly ignoreUriCase?: boolean;
  /** None of these may be met. */
  readonly withoutHeaders?: Readonly<Record<string, StringMatch>>;
  /** Namespace of the client. */
  readonly sourceNamespace?: string;
  /** Not acted on in this release. */
  readonly statPrefix?: string;
}

export interface HttpRouteDestination {
  readonly destination: Destination;
  /** 0 or more; unset counts as 0, or as all when it is the only destination. */
  readonly weight?: number;
  readonly headers?: Headers;
}

export interface Headers {
  readonly request?: HeaderOperations;
  readonly response?: HeaderOperations;
}

export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

export interface HttpRedirect {
  readonly uri?: string;
  readonly authority?: string;
  /** At most one of port and derivePort. */
  readonly port?: number;
  readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT';
  readonly scheme?: string;
  /** Unset means 301. */
  readonly redirectCode?: number;
  readonly prefixRewrite?: string;
}

export interface HttpDirectResponse {
  readonly status: number;
  /** One of the two; `bytes` is base64. */
  readonly body?: { readonly string?: string; readonly bytes?: string };
}

export interface HttpRewrite {
  /** Replaces the matched prefix, or the whole path when the match is no prefix. */
  readonly uri?: string;
  readonly authority?: string;
  readonly uriRegexRewrite?: { readonly match?: string; readonly rewrite?: string };
}

export interface HttpRetry {
  /** 0 turns retries off; a policy without it asks for none too. */
  readonly attempts?: number;
  readonly perTryTimeout?: Duration;
  /** Comma-separated conditions of Envoy's, and status codes. */
  readonly retryOn?: string;
  /** Retries move on to the next priority of localities. */
  readonly retryRemoteLocalities?: boolean;
  readonly retryIgnorePreviousHosts?: boolean;
  readonly backoff?: Duration;
}

export interface HttpFaultInjection {
  readonly delay?: {
    /** Deprecated form of percentage. */
    readonly percent?: number;
    readonly fixedDelay?: Duration;
    /** Not acted on in this release. */
    readonly exponentialDelay?: Duration;
    readonly percentage?: Percent;
  };
  /** Without a percentage it aborts nothing. */
  readonly abort?: {
    readonly httpStatus?: number;
    /** Name or number of a gRPC status. */
    readonly grpcStatus?: string;
    /** Not acted on in this release. */
    readonly http2Error?: string;
    readonly percentage?: Percent;
  };
}

export interface HttpMirrorPolicy {
  readonly destination: Destination;
  /** Unset means 100. */
  readonly percentage?: Percent;
}

export interface CorsPolicy {
  readonly allowOrigin?: readonly string[];
  readonly allowOrigins?: readonly StringMatch[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAge?: Duration;
  readonly allowCredentials?: boolean;
  readonly unmatchedPreflights?: 'UNSPECIFIED' | 'FORWARD' | 'IGNORE';
}

export interface RouteDestination {
  readonly destination: Destination;
  readonly weight?: number;
}

export interface TlsRoute {
  readonly match: readonly {
    readonly sniHosts: readonly string[];
    readonly destinationSubnets?: readonly string[];
    readonly port?: number;
    readonly sourceLabels?: Labels;
    readonly gateways?: readonly string[];
    readonly sourceNamespace?: string;
  }[];
  readonly route?: readonly RouteDestination[];
}

export interface TcpRoute {
  readonly match?: readonly {
    readonly destinationSubnets?: readonly string[];
    readonly port?: number;
    readonly sourceSubnet?: string;
    readonly sourceLabels?: Labels;
    readonly gateways?: readonly string[];
    readonly sourceNamespace?: string;
  }[];
  readonly route?: readonly RouteDestination[];
}
