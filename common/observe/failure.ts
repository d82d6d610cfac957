/** A request that failed, as one sidecar saw it. No headers, bodies, tokens or query strings. */
export interface Failure {
  /** When it ended, ms since the epoch. */
  readonly time: number;
  /** Which side's sidecar tells; a request that failed is often told by both. */
  readonly reporter: 'source' | 'destination';
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /** Empty for tcp. */
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  /** 0: no answer. */
  readonly status: number;
  readonly grpcStatus?: number;
  /** Envoy's response flags, joined by commas; `-` is none. */
  readonly flags: string;
  /** Envoy's `%RESPONSE_CODE_DETAILS%`, and why a connection to the host failed. */
  readonly details: string;
  readonly durationMs: number;
  readonly source: FailureEnd;
  readonly destination: FailureEnd;
  /** Host of the service; empty when no service was found. */
  readonly service: string;
  readonly route: string;
  /** `ip:port` that was tried last; empty when none was. */
  readonly upstream: string;
}

export interface FailureEnd {
  /** `unknown` where nobody says. */
  readonly workload: string;
  readonly namespace: string;
}

/** What `GET /weft/failures` on a sidecar answers: the newest first, as many as it keeps. */
export interface FailureReport {
  /** How many there have been since the start; more than are kept. */
  readonly total: number;
  readonly failures: readonly Failure[];
}

/** What `GET /api/failures?node=ID|edge=ID&limit=…` answers: of all sidecars that report, newest first. */
export interface Failures {
  readonly failures: readonly (Failure & {
    /** The proxy that tells: `POD.NAMESPACE`. */
    readonly proxy: string;
  })[];
  readonly notes: readonly string[];
}

/** One request as `weft tap` shows it, when it has ended. The same restraint as with failures. */
export interface TappedRequest extends Failure {
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Whether the hop was mutual TLS, as this side saw it. */
  readonly mtls: boolean;
}
