/** Conditions of `x-envoy-retry-on`. */
const HTTP = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
] as const;

/** Conditions of `x-envoy-retry-grpc-on`. */
const GRPC = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'] as const;

export type HttpRetryCondition = (typeof HTTP)[number];
export type GrpcRetryCondition = (typeof GRPC)[number];
export type RetryCondition = HttpRetryCondition | GrpcRetryCondition;

const http: ReadonlySet<string> = new Set(HTTP);
const grpc: ReadonlySet<string> = new Set(GRPC);

export function isHttpRetryCondition(word: string): word is HttpRetryCondition {
  return http.has(word);
}

export function isGrpcRetryCondition(word: string): word is GrpcRetryCondition {
  return grpc.has(word);
}
