/** A compiled envoy.config.core.v3.HealthCheck. Times in ms. */
export interface HealthCheckConfig {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly initialJitterMs: number;
  readonly intervalJitterMs: number;
  readonly intervalJitterPercent: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly altPort: number | undefined;
  readonly reuseConnection: boolean;
  readonly noTrafficIntervalMs: number;
  readonly noTrafficHealthyIntervalMs: number;
  readonly unhealthyIntervalMs: number;
  readonly unhealthyEdgeIntervalMs: number;
  readonly healthyEdgeIntervalMs: number;
  readonly probe: ProbeConfig;
  /** Equal for equal messages. */
  readonly fingerprint: string;
}

export type ProbeConfig =
  | {
      readonly kind: 'http';
      /** Empty means the endpoint's name, or the cluster's. */
      readonly host: string;
      readonly path: string;
      readonly method: string;
      readonly http2: boolean;
      readonly headers: readonly (readonly [name: string, value: string])[];
      isExpected(status: number): boolean;
      /** Failures that count up to the threshold instead of at once. */
      isRetriable(status: number): boolean;
    }
  | { readonly kind: 'tcp'; readonly send: Buffer; readonly receive: readonly Buffer[] }
  | { readonly kind: 'grpc'; readonly service: string; readonly authority: string };

/** What one look at a host showed. */
export type CheckResult =
  | { readonly kind: 'success' }
  /** It answers, and what it answers is bad. */
  | { readonly kind: 'failure'; readonly retriable: boolean }
  /** It does not answer. */
  | { readonly kind: 'network-failure' };
