import type { RequestHead } from '../../http/message.js';
import { isGrpcRetryCondition, isHttpRetryCondition, type RetryCondition } from '../retry-conditions.js';
import type { RetryPolicy } from '../route.js';
import { takeNumber } from './timeouts.js';

/** What is tried again for one request: the route's policy and what the request's own headers add. */
export interface RetryOptions {
  readonly on: ReadonlySet<RetryCondition>;
  readonly statusCodes: ReadonlySet<number>;
  readonly retriableHeaders: readonly string[];
  readonly policy: RetryPolicy | undefined;
  readonly retries: number;
  readonly backOffBaseMs: number;
  readonly backOffMaxMs: number;
}

const NO_CODES: ReadonlySet<number> = new Set();
const NO_CONDITIONS: ReadonlySet<RetryCondition> = new Set();

/** undefined when nothing is to be tried again. Envoy's retry headers are taken off the request. */
export function takeRetryOptions(
  policy: RetryPolicy | undefined,
  request: RequestHead,
  asks: boolean,
): RetryOptions | undefined {
  if (!asks) return policy === undefined ? undefined : ofPolicy(policy, request);
  const headers = request.headers;
  const retryOn = take(request, 'x-envoy-retry-on');
  const grpcOn = take(request, 'x-envoy-retry-grpc-on');
  const maxRetries = takeNumber(request, 'x-envoy-max-retries');
  const codes = take(request, 'x-envoy-retriable-status-codes');
  const names = take(request, 'x-envoy-retriable-header-names');
  headers.delete('x-envoy-hedge-on-per-try-timeout');
  const asked = [...list(retryOn).filter(isHttpRetryCondition), ...list(grpcOn).filter(isGrpcRetryCondition)];
  const on = asked.length === 0 ? (policy?.on ?? NO_CONDITIONS) : new Set([...(policy?.on ?? []), ...asked]);
  if (on.size === 0) return undefined;
  const retriable = policy?.retriableRequestHeaders ?? [];
  if (retriable.length > 0 && !retriable.some((matches) => matches(request))) return undefined;
  const moreCodes = list(codes).map(Number).filter(Number.isInteger);
  const baseMs = policy?.backOffBaseMs ?? 25;
  return {
    on,
    statusCodes:
      moreCodes.length === 0
        ? (policy?.statusCodes ?? NO_CODES)
        : new Set([...(policy?.statusCodes ?? []), ...moreCodes]),
    retriableHeaders: list(names).map((name) => name.toLowerCase()),
    policy,
    retries: maxRetries ?? policy?.retries ?? 1,
    backOffBaseMs: baseMs,
    backOffMaxMs: policy?.backOffMaxMs ?? baseMs * 10,
  };
}

const byPolicy = new WeakMap<RetryPolicy, RetryOptions>();

/** What a policy alone says, the same for every request that it retries. */
function ofPolicy(policy: RetryPolicy, request: RequestHead): RetryOptions | undefined {
  const retriable = policy.retriableRequestHeaders;
  if (policy.on.size === 0) return undefined;
  if (retriable !== undefined && retriable.length > 0 && !retriable.some((matches) => matches(request))) {
    return undefined;
  }
  let options = byPolicy.get(policy);
  if (options === undefined) {
    options = {
      on: policy.on,
      statusCodes: policy.statusCodes,
      retriableHeaders: [],
      policy,
      retries: policy.retries,
      backOffBaseMs: policy.backOffBaseMs,
      backOffMaxMs: policy.backOffMaxMs,
    };
    byPolicy.set(policy, options);
  }
  return options;
}

function take(request: RequestHead, key: string): string | undefined {
  const value = request.headers.joined(key);
  if (value !== undefined) request.headers.delete(key);
  return value;
}

function list(value: string | undefined): string[] {
  if (value === undefined) return [];
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
