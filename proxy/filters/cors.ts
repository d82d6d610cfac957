import type { Random } from '../../common/runtime/clock.js';
import type { CorsPolicy__Output } from '../../proto/gen/envoy/extensions/filters/http/cors/v3/CorsPolicy.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import type { LocalReply } from '../http/stream.js';
import type { StringTest } from '../router/matchers/regex.js';
import { compileStringMatcher } from '../router/matchers/string-matcher.js';
import type { Issues } from '../snapshot/issues.js';
import { runtimeFraction } from '../snapshot/wire-values.js';
import type { HttpFilterFactory } from './factory.js';
import type { FilterContext } from './filter.js';

/** A compiled CorsPolicy. */
interface CorsPolicy {
  readonly origins: readonly StringTest[];
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly exposeHeaders: string;
  readonly maxAge: string;
  readonly credentials: boolean;
  readonly privateNetwork: boolean;
  readonly forwardNotMatchingPreflights: boolean;
  /** Share of the requests for which the policy is in force. */
  readonly enabled: number;
}

/** Compiles the CorsPolicy of a route, a virtual host or a table. */
export function compileCorsPolicy(message: CorsPolicy__Output, issues: Issues): CorsPolicy {
  const origins = (message.allow_origin_string_match ?? []).flatMap(
    (matcher, index) => compileStringMatcher(matcher, issues.at('allow_origin_string_match').at(index)) ?? [],
  );
  return {
    origins,
    allowMethods: message.allow_methods ?? '',
    allowHeaders: message.allow_headers ?? '',
    exposeHeaders: message.expose_headers ?? '',
    maxAge: message.max_age ?? '',
    credentials: message.allow_credentials?.value === true,
    privateNetwork: message.allow_private_network_access?.value === true,
    forwardNotMatchingPreflights: message.forward_not_matching_preflights?.value ?? true,
    enabled: runtimeFraction(message.filter_enabled),
  };
}

/**
 * Filter envoy.filters.http.cors, by the policies of the routes: answers preflights (Fetch standard, CORS protocol) and
 * marks the answers to allowed origins.
 */
export function corsFactory(random: Random): HttpFilterFactory {
  return {
    compile(_message, place) {
      const { name } = place;
      // Requests whose answers get the headers: the decision of the request holds for its response.
      const allowed = new WeakMap<object, CorsPolicy>();
      return {
        name,
        onRequest(context) {
          const origin = context.request.headers.get('origin');
          if (origin === undefined || origin === '') return undefined;
          // Only what goes upstream: a redirect or a direct response is given as it is.
          if (context.route()?.action.kind !== 'forward') return undefined;
          const policy = policyOf(context, name);
          if (policy === undefined || (policy.enabled < 1 && random() >= policy.enabled)) return undefined;
          if (!isAllowed(policy, origin)) {
            return isPreflight(context.request) && !policy.forwardNotMatchingPreflights
              ? preflightReply(preflightHeaders(policy, context.request))
              : undefined;
          }
          allowed.set(context.info, policy);
          return isPreflight(context.request) ? preflightReply(preflightHeaders(policy, context.request)) : undefined;
        },
        onResponse(context, response) {
          const origin = context.request.headers.get('origin');
          if (origin === undefined) return;
          const policy = allowed.get(context.info);
          if (policy !== undefined) mark(response, policy, origin);
        },
      };
    },
  };
}

function policyOf(context: FilterContext, name: string): CorsPolicy | undefined {
  return context.route()?.filterConfig(name) as CorsPolicy | undefined;
}

/** A matcher that takes `*` stands for every origin. */
function isAllowed(policy: CorsPolicy, origin: string): boolean {
  return policy.origins.some((test) => test('*') || test(origin));
}

function isPreflight(request: RequestHead): boolean {
  return request.method === 'OPTIONS' && (request.headers.get('access-control-request-method') ?? '') !== '';
}

type Fields = (readonly [name: string, value: string])[];

function preflightHeaders(policy: CorsPolicy, request: RequestHead): Fields {
  const fields: Fields = [];
  const add = (name: string, value: string): void => {
    if (value !== '') fields.push([name, value]);
  };
  const asked = (name: string): string => request.headers.joined(name) ?? '';
  add(
    'access-control-allow-methods',
    policy.allowMethods === '*' ? asked('access-control-request-method') : policy.allowMethods,
  );
  add(
    'access-control-allow-headers',
    policy.allowHeaders === '*' ? asked('access-control-request-headers') : policy.allowHeaders,
  );
  add('access-control-max-age', policy.maxAge);
  if (policy.privateNetwork && asked('access-control-request-private-network') === 'true') {
    add('access-control-allow-private-network', 'true');
  }
  return fields;
}

function preflightReply(headers: Fields): LocalReply {
  return { status: 200, body: '', details: 'cors_response', flags: 0, headers, asIs: true };
}

function mark(response: ResponseHead, policy: CorsPolicy, origin: string): void {
  response.headers.set('access-control-allow-origin', origin);
  if (policy.credentials) response.headers.set('access-control-allow-credentials', 'true');
  if (policy.exposeHeaders !== '') response.headers.set('access-control-expose-headers', policy.exposeHeaders);
}
