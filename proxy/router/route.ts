import type { Random } from '../../common/runtime/clock.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { RouteRateLimits } from './actions/rate-limits.js';
import type { RetryCondition } from './retry-conditions.js';
import type { RouteStats } from './route-stats.js';

/**
 * Compiled routes: what a RouteConfiguration becomes when it arrives. Nothing here changes afterwards, and nothing is
 * built while a request passes.
 */
export interface RouteTable {
  readonly name: string;
  /** The most specific virtual host, then its first matching route; undefined when there is none (404 NR). */
  match(request: RequestHead, context: RouteMatchContext): RouteEntry | undefined;
}

export interface RouteMatchContext {
  readonly info: StreamInfo;
  readonly random: Random;
}

export interface RouteEntry {
  readonly name: string;
  /** For people, where it has no name; not for logs and metrics, in which it stays without one. */
  readonly label?: string;
  readonly virtualHost: string;
  readonly action: RouteAction;
  /**
   * Header operations and rewrites of route, virtual host and table, in Envoy's order, before the request is sent, after
   * those of the chosen cluster. With `suppressEnvoyHeaders` the rewrites leave no `x-envoy-original-path` and `-host`.
   */
  prepareRequest(request: RequestHead, info: StreamInfo, suppressEnvoyHeaders?: boolean): void;
  /** The same for the response head. */
  prepareResponse(response: ResponseHead, info: StreamInfo, request?: RequestHead): void;
  /**
   * Compiled configuration of a filter for this route (`typed_per_filter_config` of cluster, route, host), if any;
   * FILTER_DISABLED of filters/filter.ts when the filter is switched off here.
   */
  filterConfig(filterName: string): unknown;
  /** What describes its requests to rate limits, where anything does. */
  readonly rateLimits?: RouteRateLimits | undefined;
  /** Set where `stat_prefix` asks for statistics of the route. */
  readonly stats?: RouteStats | undefined;
  /** Send `x-envoy-attempt-count` upstream, and downstream (VirtualHost.include_*). */
  readonly includeRequestAttemptCount?: boolean;
  readonly includeAttemptCountInResponse?: boolean;
  /** Send `x-envoy-is-timeout-retry` with a retry after a timeout. */
  readonly includeIsTimeoutRetryHeader?: boolean;
  /** Operation name for traces. */
  readonly decorator?: string | undefined;
}

export type RouteAction = ForwardAction | RedirectAction | DirectResponseAction;

export interface ForwardAction {
  readonly kind: 'forward';
  /** Chooses by weight; the choice holds for all retries of a request. */
  selectCluster(random: Random, request: RequestHead): ClusterChoice | undefined;
  /** Whole request, ms; 0 is off. */
  readonly timeoutMs: number;
  /** No byte in either direction, ms; undefined leaves the connection manager's. */
  readonly idleTimeoutMs: number | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly hashPolicies: readonly HashPolicy[];
  readonly mirrors: readonly MirrorPolicy[];
  readonly priority: 'default' | 'high';
  /** Lower-case upgrade types that are allowed or forbidden here (`websocket`, `CONNECT`); absent ones follow the connection manager. */
  readonly upgrades: ReadonlyMap<string, boolean>;
  /** CONNECT ends here and its bytes go to the cluster as TCP. */
  readonly terminateConnect: boolean;
  /** The cluster when there is but one; absent when it is chosen by weight or by a header. */
  readonly clusterName?: string;
  /** Answer when the cluster does not exist; absent means 503. */
  readonly clusterNotFoundStatus?: number;
  /** Whole stream, ms, in place of the connection manager's; 0 is unlimited, absent leaves the latter. */
  readonly maxStreamDurationMs?: number | undefined;
  /** Upper bound for a `grpc-timeout` header, ms, 0 for none; absent ignores the header. */
  readonly grpcTimeoutHeaderMaxMs?: number | undefined;
  /** Subtracted from what `grpc-timeout` asks for, ms. */
  readonly grpcTimeoutHeaderOffsetMs?: number | undefined;
  /** Set where a gRPC request's own `grpc-timeout` takes the place of `timeoutMs`: the most that it gets, ms, 0 for no bound. */
  readonly grpcTimeout?: { readonly maxMs: number; readonly offsetMs: number } | undefined;
  /** The upstream host's name becomes the authority; `appendXForwardedHost` then keeps the old one. */
  readonly autoHostRewrite?: boolean;
  readonly appendXForwardedHost?: boolean;
}

export interface ClusterChoice {
  readonly name: string;
  /** Header operations of the weighted cluster, and its filter configuration. */
  prepareRequest(request: RequestHead, info: StreamInfo): void;
  prepareResponse(response: ResponseHead, info: StreamInfo, request?: RequestHead): void;
}

/** RFC 9110 section 15.4 answer, built from RedirectAction. */
export interface RedirectAction {
  readonly kind: 'redirect';
  readonly status: number;
  /** The Location for a request. */
  location(request: RequestHead): string;
}

export interface DirectResponseAction {
  readonly kind: 'direct-response';
  readonly status: number;
  readonly body: string;
}

export interface RetryPolicy {
  /** Conditions of `x-envoy-retry-on` and `x-envoy-retry-grpc-on`, compiled. */
  readonly on: ReadonlySet<RetryCondition>;
  readonly statusCodes: ReadonlySet<number>;
  /** Retries, not attempts. */
  readonly retries: number;
  /** 0 is off. */
  readonly perTryTimeoutMs: number;
  readonly perTryIdleTimeoutMs: number;
  readonly backOffBaseMs: number;
  readonly backOffMaxMs: number;
  /** Skip hosts that were tried already, up to this many picks; 0 is off. */
  readonly hostSelectionAttempts: number;
  readonly skipPreviousHosts: boolean;
  /** After so many attempts retries leave the priorities that were tried; 0 is off. */
  readonly attemptsAPriority?: number;
  /** For `retriable-headers`: a response that meets one of these is tried again. */
  readonly retriableHeaders?: readonly ((response: ResponseHead) => boolean)[];
  /** When there are any, only requests that meet one of these are tried again. */
  readonly retriableRequestHeaders?: readonly ((request: RequestHead) => boolean)[];
}

export interface HashPolicy {
  readonly terminal: boolean;
  /**
   * Text to hash, or undefined when this policy says nothing; each of several is hashed with the last one's hash as seed. A
   * cookie policy may ask for a Set-Cookie.
   */
  key(request: RequestHead, info: StreamInfo): string | readonly string[] | undefined;
  /** Set when a cookie with a lifetime is to be generated for clients that lack it. */
  readonly generateCookie?: {
    readonly name: string;
    readonly path: string;
    readonly ttlSeconds: number;
    readonly attributes?: string;
  };
}

export interface MirrorPolicy {
  readonly cluster: string;
  /** In [0, 1]. */
  readonly fraction: number;
  readonly appendShadow: boolean;
}
