import type { HttpFilter } from '../filters/filter.js';
import type { Http2Settings } from '../http2/options.js';
import type { RouteTable } from '../router/route.js';
import type { AccessLogger } from '../telemetry/access-log.js';
import type { TracingConfig } from '../tracing/tracer.js';

/** Compiled HttpConnectionManager. Times in ms with 0 for off; sizes in bytes. */
export interface ConnectionManagerConfig {
  readonly statPrefix: string;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly routes: RouteSource;
  /** In the order of the chain, without the router, which is always last. */
  readonly filters: readonly HttpFilter[];
  /** Whether one of the filters may rewrite bodies. */
  readonly rewritesBodies?: boolean;
  readonly accessLogs: readonly AccessLogger[];
  /** Value of the `server` response header, and what happens to one that came from upstream. */
  readonly serverName: string;
  readonly serverHeader: 'overwrite' | 'append-if-absent' | 'pass-through';
  readonly timeouts: {
    /** No byte on a connection without requests (common_http_protocol_options.idle_timeout, default 1 h). */
    readonly idleMs: number;
    /** From accept to GOAWAY/close; 0 is never. */
    readonly maxConnectionDurationMs: number;
    /** No byte in either direction within a request (default 5 min). */
    readonly streamIdleMs: number;
    /** Whole request received (request_timeout). */
    readonly requestMs: number;
    /** Head received (request_headers_timeout). */
    readonly requestHeadersMs: number;
    readonly drainMs: number;
    /** Whole stream (common_http_protocol_options.max_stream_duration). */
    readonly maxStreamDurationMs?: number;
  };
  readonly maxRequestHeadBytes: number;
  readonly maxRequestHeaders: number;
  readonly requestId: {
    readonly generate: boolean;
    readonly preserveExternal: boolean;
    readonly alwaysInResponse: boolean;
  };
  readonly xff: {
    readonly useRemoteAddress: boolean;
    readonly trustedHops: number;
    readonly skipAppend: boolean;
    /** Whether an address is one of our own (internal_address_config); absent: none is. */
    readonly isInternal?: ((ip: string) => boolean) | undefined;
  };
  readonly forwardClientCert: 'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only';
  readonly clientCertDetails: {
    readonly subject: boolean;
    readonly uri: boolean;
    readonly dns: boolean;
    readonly cert: boolean;
    readonly chain: boolean;
  };
  /** Lower-case upgrade types that are let through (`websocket`, `connect`). */
  readonly upgrades: ReadonlySet<string>;
  readonly path: {
    readonly normalize: boolean;
    readonly mergeSlashes: boolean;
    readonly escapedSlashes: 'keep' | 'reject' | 'redirect' | 'forward';
  };
  readonly stripPort: 'none' | 'matching' | 'any';
  readonly http10: { readonly accept: boolean; readonly defaultHost: string };
  readonly via: string;
  /** Protocol that connections speak; `auto` goes by ALPN and the first bytes. Absent is `auto`. */
  readonly codec?: 'auto' | 'http1' | 'http2';
  readonly http2?: Http2Settings;
  /** Pass `Expect: 100-continue` and its answer through, in place of answering it here. */
  readonly proxy100Continue?: boolean;
  /** Absent: no request is traced. */
  readonly tracing?: TracingConfig | undefined;
  /** 0 is unlimited. */
  readonly maxRequestsPerConnection?: number;
  readonly headersWithUnderscores?: 'allow' | 'reject' | 'drop';
  /** The router adds no `x-envoy-` headers of its own (Router.suppress_envoy_headers). */
  readonly suppressEnvoyHeaders?: boolean;
}

/** Where the routes come from: given in place, or by RDS; `current` is undefined until the first ones have come. */
export interface RouteSource {
  /** RDS name; undefined for routes given in place. */
  readonly rdsName: string | undefined;
  current(): RouteTable | undefined;
}
