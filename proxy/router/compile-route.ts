import type { DirectResponseAction__Output } from '../../proto/gen/envoy/config/route/v3/DirectResponseAction.js';
import type { Route__Output } from '../../proto/gen/envoy/config/route/v3/Route.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { Issues } from '../snapshot/issues.js';
import { type CompiledForward, compileForward, type Inherited } from './actions/forward.js';
import { compileRateLimits, type RateLimitDescription, type RouteRateLimits } from './actions/rate-limits.js';
import { compileRedirect } from './actions/redirect.js';
import { setAuthority } from './actions/rewrite.js';
import { compileFilterConfigs, type FilterConfigs, lookUp } from './filter-configs.js';
import { compileHeaderMutation, type HeaderMutation } from './header-mutation.js';
import { type CompiledMatch, compileRouteMatch } from './matchers/route-match.js';
import type { RouteAction, RouteEntry, RouteMatchContext } from './route.js';
import type { RouteDeps } from './route-deps.js';
import { routeLabel } from './route-label.js';
import { RouteStats } from './route-stats.js';

/** What one level (route, virtual host, table) does to heads. */
export interface HeaderLevel {
  readonly request: HeaderMutation | undefined;
  readonly response: HeaderMutation | undefined;
}

/** What a route takes over from its virtual host and table. */
export interface HostSettings {
  readonly name: string;
  /** Header operations of the virtual host and the table. */
  readonly host: HeaderLevel;
  readonly table: HeaderLevel;
  readonly mostSpecificWins: boolean;
  /** Filter configuration, virtual host before table. */
  readonly filters: readonly FilterConfigs[];
  readonly inherited: Inherited;
  readonly rateLimits: readonly RateLimitDescription[];
  readonly maxDirectBodyBytes: number;
  readonly flags: Pick<
    RouteEntry,
    'includeRequestAttemptCount' | 'includeAttemptCountInResponse' | 'includeIsTimeoutRetryHeader'
  >;
}

/** One route of a virtual host. */
export interface CompiledRoute {
  /** The entry when the route takes this request. `path` is without query. */
  match(request: RequestHead, path: string, context: RouteMatchContext): RouteEntry | undefined;
}

/** Compiles a Route; undefined after an error. */
export function compileRoute(
  message: Route__Output,
  settings: HostSettings,
  deps: RouteDeps,
  issues: Issues,
): CompiledRoute | undefined {
  const match = compileRouteMatch(message.match, issues.at('match'));
  issues.ignore(message, ['tracing', 'per_request_buffer_limit_bytes']);
  const own = compileLevel(message, deps, issues);
  const filters = compileFilterConfigs(message.typed_per_filter_config, deps, issues.at('typed_per_filter_config'));
  const base: EntryParts = {
    name: message.name ?? '',
    label: message.name ? '' : routeLabel(message),
    settings,
    requestOperations: inOrder(settings, own.request, settings.host.request, settings.table.request),
    responseOperations: inOrder(settings, own.response, settings.host.response, settings.table.response),
    filters: filters === undefined ? settings.filters : [filters, ...settings.filters],
    rateLimits: rateLimitsOf(message.route, settings.rateLimits, issues.at('route').at('rate_limits')),
    decorator: message.decorator?.operation === '' ? undefined : message.decorator?.operation,
    stats: statsOf(message.stat_prefix, settings.name, deps),
  };
  if (message.route !== undefined) {
    const forward = compileForward(message.route, match, settings.inherited, deps, issues.at('route'));
    return forward === undefined ? undefined : forwardRoute(base, match, forward);
  }
  const action = compileAnswer(message, match, settings, issues);
  if (action === undefined) return undefined;
  const entry = new Entry(base, action, undefined);
  return { match: (request, path, context) => (match.matches(request, path, context) ? entry : undefined) };
}

function statsOf(prefix: string | undefined, virtualHost: string, { counters }: RouteDeps): RouteStats | undefined {
  return prefix && counters !== undefined ? new RouteStats(virtualHost, prefix, counters) : undefined;
}

/** Only routes that forward describe their requests. */
function rateLimitsOf(
  message: Route__Output['route'],
  host: readonly RateLimitDescription[],
  issues: Issues,
): RouteRateLimits | undefined {
  if (message === undefined) return undefined;
  const route = compileRateLimits(message.rate_limits, issues);
  if (route.length + host.length === 0) return undefined;
  return { route, host, includeHost: message.include_vh_rate_limits?.value === true };
}

function compileAnswer(
  message: Route__Output,
  match: CompiledMatch,
  settings: HostSettings,
  issues: Issues,
): RouteAction | undefined {
  if (message.redirect !== undefined) return compileRedirect(message.redirect, match, issues.at('redirect'));
  if (message.direct_response !== undefined) {
    return compileDirectResponse(message.direct_response, settings.maxDirectBodyBytes, issues.at('direct_response'));
  }
  issues.error('has no action that is supported');
  return undefined;
}

function compileDirectResponse(message: DirectResponseAction__Output, maxBytes: number, issues: Issues): RouteAction {
  const status = message.status ?? 0;
  if (status < 200 || status > 599) issues.at('status').error('must be from 200 to 599');
  const body = message.body?.inline_string ?? message.body?.inline_bytes?.toString('utf8') ?? '';
  if (message.body !== undefined) issues.at('body').refuse(message.body, ['filename', 'environment_variable']);
  if (Buffer.byteLength(body) > maxBytes) issues.at('body').error(`is longer than ${maxBytes} bytes`);
  return { kind: 'direct-response', status, body };
}

/** The entry of a forwarding route; one for each weighted cluster when these carry filter configuration. */
function forwardRoute(base: EntryParts, match: CompiledMatch, forward: CompiledForward): CompiledRoute {
  const entry = new Entry(base, forward.action, forward);
  const { split } = forward.selector;
  if (split === undefined) {
    return { match: (request, path, context) => (match.matches(request, path, context) ? entry : undefined) };
  }
  const entries = split.variants.map((variant) => {
    const filters = variant.filters === undefined ? base.filters : [variant.filters, ...base.filters];
    const selectCluster: CompiledForward['action']['selectCluster'] = (random, request) =>
      variant.selector.select(random, request);
    return new Entry({ ...base, filters }, { ...forward.action, selectCluster }, forward);
  });
  return {
    match: (request, path, context) =>
      match.matches(request, path, context) ? (entries[split.pick(context.random, request)] ?? entry) : undefined,
  };
}

interface EntryParts {
  readonly name: string;
  readonly label: string;
  readonly settings: HostSettings;
  readonly requestOperations: readonly HeaderMutation[];
  readonly responseOperations: readonly HeaderMutation[];
  readonly filters: readonly FilterConfigs[];
  readonly rateLimits: RouteRateLimits | undefined;
  readonly decorator: string | undefined;
  readonly stats: RouteStats | undefined;
}

class Entry implements RouteEntry {
  readonly name: string;
  readonly label: string;
  readonly virtualHost: string;
  readonly decorator: string | undefined;
  readonly rateLimits: RouteRateLimits | undefined;
  readonly stats: RouteStats | undefined;
  readonly includeRequestAttemptCount: boolean;
  readonly includeAttemptCountInResponse: boolean;
  readonly includeIsTimeoutRetryHeader: boolean;

  constructor(
    private readonly parts: EntryParts,
    readonly action: RouteAction,
    private readonly forward: CompiledForward | undefined,
  ) {
    this.name = parts.name;
    this.label = parts.label;
    this.virtualHost = parts.settings.name;
    this.decorator = parts.decorator;
    this.rateLimits = parts.rateLimits;
    this.stats = parts.stats;
    this.includeRequestAttemptCount = parts.settings.flags.includeRequestAttemptCount === true;
    this.includeAttemptCountInResponse = parts.settings.flags.includeAttemptCountInResponse === true;
    this.includeIsTimeoutRetryHeader = parts.settings.flags.includeIsTimeoutRetryHeader === true;
  }

  prepareRequest(request: RequestHead, info: StreamInfo, suppressEnvoyHeaders = false): void {
    const operations = this.parts.requestOperations;
    if (operations.length > 0) {
      const context = { info, request, response: undefined };
      for (const operation of operations) operation.apply(request.headers, context);
    }
    if (this.forward !== undefined) rewrite(request, this.forward, !suppressEnvoyHeaders);
  }

  prepareResponse(response: ResponseHead, info: StreamInfo, request?: RequestHead): void {
    const operations = this.parts.responseOperations;
    if (operations.length === 0) return;
    const context = { info, request, response };
    for (const operation of operations) operation.apply(response.headers, context);
  }

  filterConfig(filterName: string): unknown {
    return this.parts.filters.length === 0 ? undefined : lookUp(this.parts.filters, filterName);
  }
}

function rewrite(request: RequestHead, forward: CompiledForward, keepOriginals: boolean): void {
  if (forward.rewriteHost !== undefined) {
    const host = forward.rewriteHost(request);
    if (host !== undefined && host !== '') setAuthority(request, host, forward.appendForwardedHost, keepOriginals);
  }
  if (forward.rewritePath !== undefined) {
    if (keepOriginals) request.headers.set('x-envoy-original-path', request.path);
    request.path = forward.rewritePath(request.path);
  }
}

/** Compiles the header operations of a message that has the four fields for them. */
export function compileLevel(
  message: Pick<
    Route__Output,
    'request_headers_to_add' | 'request_headers_to_remove' | 'response_headers_to_add' | 'response_headers_to_remove'
  >,
  deps: RouteDeps,
  issues: Issues,
): HeaderLevel {
  return {
    request: compileHeaderMutation(
      message.request_headers_to_add,
      message.request_headers_to_remove,
      deps.compileFormat,
      {
        add: issues.at('request_headers_to_add'),
        remove: issues.at('request_headers_to_remove'),
      },
    ),
    response: compileHeaderMutation(
      message.response_headers_to_add,
      message.response_headers_to_remove,
      deps.compileFormat,
      { add: issues.at('response_headers_to_add'), remove: issues.at('response_headers_to_remove') },
    ),
  };
}

/** Most specific first unless the table wants the most specific to have the last word. */
function inOrder(settings: HostSettings, ...levels: (HeaderMutation | undefined)[]): readonly HeaderMutation[] {
  const operations = levels.filter((level) => level !== undefined);
  return settings.mostSpecificWins ? operations.reverse() : operations;
}
