import { STATUS_CODES } from 'node:http';
import type { Clock, Random } from '../../../common/runtime/clock.js';
import type { LocalRateLimit__Output } from '../../../proto/gen/envoy/extensions/filters/http/local_ratelimit/v3/LocalRateLimit.js';
import { FLAG } from '../../http/flags.js';
import { HeaderList } from '../../http/headers.js';
import type { ResponseHead } from '../../http/message.js';
import type { LocalReply } from '../../http/stream.js';
import {
  compileRateLimits,
  type DescriptorEntry,
  type RateLimitDescription,
  type RouteRateLimits,
} from '../../router/actions/rate-limits.js';
import { compileHeaderFormat } from '../../router/header-format.js';
import { compileHeaderMutation, type HeaderMutation } from '../../router/header-mutation.js';
import type { Issues } from '../../snapshot/issues.js';
import { runtimeFraction } from '../../snapshot/wire-values.js';
import type { Counter, CounterSource } from '../counter.js';
import type { HttpFilterFactory } from '../factory.js';
import type { FilterContext } from '../filter.js';
import { compileLimiter, type Limiter } from './limiter.js';
import type { TokenBucket } from './token-bucket.js';

export interface RateLimitDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: CounterSource;
  /** The proxy's own service (`node.cluster`), by which limits may describe a request. */
  readonly serviceCluster: string;
}

/** A compiled LocalRateLimit: one for a chain, or one for a route. */
interface RateLimit {
  decide(context: FilterContext): LocalReply | undefined;
  /** Set where responses tell what is left. */
  readonly tell: ((context: FilterContext, response: ResponseHead) => void) | undefined;
}

const NOTHING: RateLimit = { decide: () => undefined, tell: undefined };
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;
const TOO_MANY_REQUESTS = 429;

/** Filter envoy.filters.http.local_ratelimit: a request takes tokens, or is answered with 429 (flag RL). */
export function localRateLimitFactory(deps: RateLimitDeps): HttpFilterFactory {
  return {
    compile(message: LocalRateLimit__Output, place, issues) {
      const own = compileLocalRateLimit(message, deps, issues);
      const { name } = place;
      const inForce = (context: FilterContext): RateLimit =>
        (context.route()?.filterConfig(name) as RateLimit | undefined) ?? own;
      return {
        name,
        onRequest: (context) => inForce(context).decide(context),
        onResponse: (context, response) => inForce(context).tell?.(context, response),
      };
    },
  };
}

export function compileLocalRateLimit(message: LocalRateLimit__Output, deps: RateLimitDeps, issues: Issues): RateLimit {
  issues.refuse(message, ['local_cluster_rate_limit']);
  if ((message.stat_prefix ?? '') === '') issues.at('stat_prefix').error('is empty');
  const describe = compileDescriptions(message, deps.serviceCluster, issues);
  const newLimiter = compileLimiter(message, deps.clock, issues);
  const limiterOf =
    message.local_rate_limit_per_downstream_connection === true ? byConnection(newLimiter) : shared(newLimiter);
  // Envoy: off unless told otherwise.
  const enabled = message.filter_enabled === undefined ? 0 : runtimeFraction(message.filter_enabled);
  const enforced = message.filter_enforced === undefined ? 0 : runtimeFraction(message.filter_enforced);
  const stats = countersOf(message.stat_prefix ?? '', deps.counters);
  const reply = compileReply(message, issues);
  const marks = operations(
    message.request_headers_to_add_when_not_enforced,
    issues.at('request_headers_to_add_when_not_enforced'),
  );
  if (message.token_bucket === undefined && (message.descriptors ?? []).length === 0) return NOTHING;
  const tells = (message.enable_x_ratelimit_headers ?? 'OFF') !== 'OFF';
  const decided = new WeakMap<FilterContext, TokenBucket>();
  const happens = (share: number): boolean => share >= 1 || (share > 0 && deps.random() < share);
  return {
    decide(context) {
      if (!happens(enabled)) return undefined;
      stats.enabled.increment();
      const { allowed, bucket, shadow } = limiterOf(context).decide(describe(context));
      if (tells && bucket !== undefined) decided.set(context, bucket);
      if (allowed) {
        stats.ok.increment();
        return undefined;
      }
      stats.limited.increment();
      if (shadow) {
        stats.shadow.increment();
        return undefined;
      }
      if (happens(enforced)) {
        stats.enforced.increment();
        return reply(context, bucket);
      }
      const { request, info } = context;
      marks?.apply(request.headers, { info, request, response: undefined });
      return undefined;
    },
    tell: tells ? (context, { headers }) => tellLimit(headers, decided.get(context)) : undefined,
  };
}

function countersOf(prefix: string, counters: CounterSource) {
  const count = (name: string): Counter => counters(`${prefix}.http_local_rate_limit.${name}`);
  return {
    enabled: count('enabled'),
    ok: count('ok'),
    limited: count('rate_limited'),
    enforced: count('enforced'),
    shadow: count('shadow_mode'),
  };
}

/** draft-polli-ratelimit-headers-03. */
function tellLimit(headers: HeaderList, bucket: TokenBucket | undefined): void {
  if (bucket === undefined) return;
  headers.append('x-ratelimit-limit', String(bucket.most));
  headers.append('x-ratelimit-remaining', String(bucket.remaining));
  headers.append('x-ratelimit-reset', String(bucket.resetSeconds));
}

const NO_DESCRIPTORS: readonly (readonly DescriptorEntry[])[] = [];

/** What describes a request: as the filter says itself, else as route and virtual host do. */
function compileDescriptions(
  message: LocalRateLimit__Output,
  serviceCluster: string,
  issues: Issues,
): (context: FilterContext) => readonly (readonly DescriptorEntry[])[] {
  const own = compileRateLimits(message.rate_limits, issues.at('rate_limits'));
  if ((message.descriptors ?? []).length === 0) return () => NO_DESCRIPTORS;
  const stage = message.stage ?? 0;
  const ofHosts = message.vh_rate_limits ?? 'OVERRIDE';
  return (context) => {
    const route = context.route();
    const sources = own.length > 0 ? own : applicable(route?.rateLimits, ofHosts);
    if (sources.length === 0) return NO_DESCRIPTORS;
    const described = { request: context.request, info: context.info, route, serviceCluster };
    return sources.flatMap((source) => {
      // The filter's own have no stages.
      if (own.length === 0 && source.stage !== stage) return [];
      const entries = source.describe(described);
      return entries === undefined ? [] : [entries];
    });
  };
}

function applicable(
  limits: RouteRateLimits | undefined,
  ofHosts: NonNullable<LocalRateLimit__Output['vh_rate_limits']>,
): readonly RateLimitDescription[] {
  if (limits === undefined) return [];
  const { route, host, includeHost } = limits;
  if (includeHost || ofHosts === 'INCLUDE') return [...route, ...host];
  return ofHosts === 'IGNORE' || route.length > 0 ? route : host;
}

function shared(newLimiter: () => Limiter): (context: FilterContext) => Limiter {
  const limiter = newLimiter();
  return () => limiter;
}

function byConnection(newLimiter: () => Limiter): (context: FilterContext) => Limiter {
  const limiters = new WeakMap<object, Limiter>();
  return ({ info }) => {
    let limiter = limiters.get(info.connection);
    if (limiter === undefined) {
      limiter = newLimiter();
      limiters.set(info.connection, limiter);
    }
    return limiter;
  };
}

function compileReply(
  message: LocalRateLimit__Output,
  issues: Issues,
): (context: FilterContext, bucket: TokenBucket | undefined) => LocalReply {
  const added = operations(message.response_headers_to_add, issues.at('response_headers_to_add'));
  const wanted = statusOf(message.status?.code, issues.at('status'));
  const plain: LocalReply = {
    // A limit that answers with success would be no limit to who reads it (Envoy).
    status: wanted < 400 ? TOO_MANY_REQUESTS : wanted,
    grpcStatus: message.rate_limited_as_resource_exhausted === true ? RESOURCE_EXHAUSTED : UNAVAILABLE,
    body: 'local_rate_limited',
    details: 'local_rate_limited',
    flags: FLAG.RL,
  };
  const retryAfter = message.enable_retry_after_header === true && plain.status === TOO_MANY_REQUESTS;
  if (added === undefined && !retryAfter) return () => plain;
  return ({ info, request }, bucket) => {
    const headers = new HeaderList();
    added?.apply(headers, { info, request, response: undefined });
    if (retryAfter && bucket !== undefined && !headers.has('retry-after')) {
      headers.append('retry-after', String(Math.max(1, bucket.resetSeconds)));
    }
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

/** Envoy's names of statuses are their reason phrases without spaces. */
function statusOf(code: string | number | undefined, issues: Issues): number {
  if (code === undefined || code === 'Empty' || code === 0) return 429;
  if (typeof code === 'number') return code;
  const found = Object.entries(STATUS_CODES).find(
    ([, phrase]) => phrase?.replace(/[^A-Za-z]/g, '').toLowerCase() === code.toLowerCase(),
  );
  if (found === undefined) issues.at('code').error(`'${code}' is not known`);
  return Number(found?.[0] ?? 429);
}
