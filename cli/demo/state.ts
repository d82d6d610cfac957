/** One hop of the mesh over the last seconds: who called whom, how often, how it went. */
export interface Hop {
  readonly source: string;
  readonly destination: string;
  readonly requestsPerSecond: number;
  /** Share of requests that did not fail, 0 to 1; undefined without requests. */
  readonly successRate: number | undefined;
  /** Milliseconds; undefined without requests. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly mtls: boolean;
  /** SPIFFE IDs; empty on plaintext. */
  readonly sourceIdentity: string;
  readonly destinationIdentity: string;
  /** Requests by status code since the start. */
  readonly byCode: Readonly<Record<string, number>>;
}

export interface FailureCounts {
  /**
   * The configuration wanted them: the answering sidecar logged FI, UO or UT, denied by policy, or answered directly.
   */
  readonly asked: number;
  readonly unasked: number;
}

/** What the demo shows, once a second. */
export interface DemoState {
  /** RFC 3339. */
  readonly time: string;
  readonly elapsedMs: number;
  /** Requests on all hops since the start. */
  readonly requests: number;
  readonly failures: FailureCounts;
  readonly hops: readonly Hop[];
  /** Names of the parts that are not running. */
  readonly down: readonly string[];
  /** Errors and warnings about the configuration, one line each. */
  readonly findings: readonly string[];
  readonly configFolder: string;
  readonly productPage: string;
  /** Where to look and what to try; not in the JSON. */
  readonly help: readonly string[];
}
