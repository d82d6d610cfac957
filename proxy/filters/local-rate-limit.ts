import type { Clock, Random } from '../../common/runtime/clock.js';
import type { LocalRateLimit__Output } from '../../proto/gen/envoy/extensions/filters/http/local_ratelimit/v3/LocalRateLimit.js';
import type { TokenBucket__Output } from '../../proto/gen/envoy/type/v3/TokenBucket.js';
import { FLAG } from '../http/flags.js';
import { HeaderList } from '../http/headers.js';
import { statusNumber } from '../http/status-name.js';
import type { LocalReply } from '../http/stream.js';
import { compileHeaderFormat } from '../router/header-format.js';
import { compileHeaderMutation, type HeaderMutation } from '../router/header-mutation.js';
import type { Issues } from '../snapshot/issues.js';
import { durationMs, runtimeFraction } from '../snapshot/wire-values.js';
import type { CounterSource } from './counter.js';
import type { HttpFilterFactory } from './factory.js';
import type { FilterContext } from './filter.js';

export interface RateLimitDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: CounterSource;
}

/** A compiled LocalRateLimit: one for a chain, or one for a route. */
interface RateLimit {
  decide(context: FilterContext): LocalReply | undefined;
}

const NOTHING: RateLimit = { decide: () => undefined };
/** What Envoy asks of the interval at least, ms. */
const SHORTEST_MS = 50;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;

/** Filter envoy.filters.http.local_ratelimit: a request takes a token, or is answered with 429 (flag RL). */
export function localRateLimitFactory(deps: RateLimitDeps): HttpFilterFactory {
  return {
    compile(message: LocalRateLimit__Output, place, issues) {
      const own = compileLocalRateLimit(message, deps, issues);
      const { name } = place;
      return {
        name,
        onRequest: (context) => ((context.route()?.filterConfig(name) as RateLimit | undefined) ?? own).decide(context),
      };
    },
  };
}

export function compileLocalRateLimit(message: LocalRateLimit__Output, deps: RateLimitDeps, issues: Issues): RateLimit {
  issues.refuse(message, ['descriptors', 'local_cluster_rate_limit']);
  if ((message.enable_x_ratelimit_headers ?? 'OFF') !== 'OFF') {
    issues.at('enable_x_ratelimit_headers').error('is not supported');
  }
  if ((message.stat_prefix ?? '') === '') issues.at('stat_prefix').error('is empty');
  if (message.token_bucket === undefined) return NOTHING;
  const newBucket = compileBucket(message.token_bucket, deps.clock, issues.at('token_bucket'));
  const bucketOf =
    message.local_rate_limit_per_downstream_connection === true ? byConnection(newBucket) : shared(newBucket);
  // Envoy: off unless told otherwise.
  const enabled = message.filter_enabled === undefined ? 0 : runtimeFraction(message.filter_enabled);
  const enforced = message.filter_enforced === undefined ? 0 : runtimeFraction(message.filter_enforced);
  const count = (name: string) => deps.counters(`${message.stat_prefix}.http_local_rate_limit.${name}`);
  const stats = {
    enabled: count('enabled'),
    ok: count('ok'),
    limited: count('rate_limited'),
    enforced: count('enforced'),
  };
  const reply = compileReply(message, issues);
  const marks = operations(
    message.request_headers_to_add_when_not_enforced,
    issues.at('request_headers_to_add_when_not_enforced'),
  );
  const happens = (share: number): boolean => share >= 1 || (share > 0 && deps.random() < share);
  return {
    decide(context) {
      if (!happens(enabled)) return undefined;
      stats.enabled.increment();
      if (bucketOf(context).take()) {
        stats.ok.increment();
        return undefined;
      }
      stats.limited.increment();
      if (happens(enforced)) {
        stats.enforced.increment();
        return reply(context);
      }
      const { request, info } = context;
      marks?.apply(request.headers, { info, request, response: undefined });
      return undefined;
    },
  };
}

interface Bucket {
  take(): boolean;
}

/** Tokens come one by one over the interval, as in Envoy, not all at its end. */
function compileBucket(message: TokenBucket__Output, clock: Clock, issues: Issues): () => Bucket {
  const most = message.max_tokens ?? 0;
  const refill = message.tokens_per_fill?.value ?? 1;
  const intervalMs = durationMs(message.fill_interval) ?? 0;
  if (most < 1) issues.at('max_tokens').error('must be at least 1');
  if (intervalMs < SHORTEST_MS) issues.at('fill_interval').error(`must be at least ${SHORTEST_MS}ms`);
  return () => {
    let tokens = most;
    let at = clock.monotonic();
    return {
      take() {
        const now = clock.monotonic();
        tokens = Math.min(most, tokens + ((now - at) / intervalMs) * refill);
        at = now;
        if (tokens < 1) return false;
        tokens--;
        return true;
      },
    };
  };
}

function shared(newBucket: () => Bucket): (context: FilterContext) => Bucket {
  const bucket = newBucket();
  return () => bucket;
}

function byConnection(newBucket: () => Bucket): (context: FilterContext) => Bucket {
  const buckets = new WeakMap<object, Bucket>();
  return ({ info }) => {
    let bucket = buckets.get(info.connection);
    if (bucket === undefined) {
      bucket = newBucket();
      buckets.set(info.connection, bucket);
    }
    return bucket;
  };
}

function compileReply(message: LocalRateLimit__Output, issues: Issues): (context: FilterContext) => LocalReply {
  const added = operations(message.response_headers_to_add, issues.at('response_headers_to_add'));
  const wanted = statusOf(message.status?.code, issues.at('status'));
  const plain: LocalReply = {
    // A limit that answers with success would be no limit to who reads it (Envoy).
    status: wanted < 400 ? 429 : wanted,
    grpcStatus: message.rate_limited_as_resource_exhausted === true ? RESOURCE_EXHAUSTED : UNAVAILABLE,
    body: 'local_rate_limited',
    details: 'local_rate_limited',
    flags: FLAG.RL,
  };
  if (added === undefined) return () => plain;
  return ({ info, request }) => {
    const headers = new HeaderList();
    added.apply(headers, { info, request, response: undefined });
    return { ...plain, headers: fieldsOf(headers) };
  };
}

function fieldsOf(headers: HeaderList): (readonly [string, string])[] {
  return Array.from({ length: headers.size }, (_, i) => [headers.keyAt(i), headers.valueAt(i)] as const);
}

function operations(
  add: LocalRateLimit__Output['response_headers_to_add'],
  issues: Issues,
): HeaderMutation | undefined {
  return compileHeaderMutation(add, [], compileHeaderFormat, { add: issues, remove: issues });
}

function statusOf(code: string | number | undefined, issues: Issues): number {
  const known = statusNumber(code);
  if (known === undefined && code !== undefined && code !== 'Empty' && code !== 0) {
    issues.at('code').error(`'${code}' is not known`);
  }
  return known ?? 429;
}
