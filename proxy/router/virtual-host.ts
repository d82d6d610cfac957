import type { VirtualHost__Output } from '../../proto/gen/envoy/config/route/v3/VirtualHost.js';
import type { RequestHead } from '../http/message.js';
import type { Issues } from '../snapshot/issues.js';
import { compileMirrors } from './actions/forward.js';
import { compileRateLimits } from './actions/rate-limits.js';
import { schemeOf } from './actions/redirect.js';
import { compileRetryPolicy } from './actions/retry-policy.js';
import { type CompiledRoute, compileLevel, compileRoute, type HostSettings } from './compile-route.js';
import type { TableSettings } from './compile-route-table.js';
import { compileFilterConfigs } from './filter-configs.js';
import type { RouteEntry, RouteMatchContext } from './route.js';
import type { RouteDeps } from './route-deps.js';

/** A compiled virtual host. */
export interface VirtualHost {
  match(request: RequestHead, path: string, context: RouteMatchContext): RouteEntry | undefined;
}

/** Compiles a VirtualHost with all of its routes, in order. */
export function compileVirtualHost(
  message: VirtualHost__Output,
  table: TableSettings,
  deps: RouteDeps,
  issues: Issues,
): VirtualHost {
  issues.refuse(message, ['cors', 'retry_policy_typed_config']);
  issues.ignore(message, ['per_request_buffer_limit_bytes']);
  const settings = hostSettings(message, table, deps, issues);
  const routes: CompiledRoute[] = [];
  (message.routes ?? []).forEach((route, index) => {
    const compiled = compileRoute(route, settings, deps, issues.at('routes').at(index));
    if (compiled !== undefined) routes.push(compiled);
  });
  const requiresTls = tlsRequirement(message);
  const redirect = tlsRedirect(settings);
  return {
    match(request, path, context) {
      if (requiresTls?.(request)) return redirect;
      for (const route of routes) {
        const entry = route.match(request, path, context);
        if (entry !== undefined) return entry;
      }
      return undefined;
    },
  };
}

function hostSettings(
  message: VirtualHost__Output,
  table: TableSettings,
  deps: RouteDeps,
  issues: Issues,
): HostSettings {
  const own = compileFilterConfigs(message.typed_per_filter_config, deps, issues.at('typed_per_filter_config'));
  return {
    name: message.name ?? '',
    host: compileLevel(message, deps, issues),
    table: table.headers,
    mostSpecificWins: table.mostSpecificWins,
    filters: [own, table.filters].filter((level) => level !== undefined),
    rateLimits: compileRateLimits(message.rate_limits, issues.at('rate_limits')),
    maxDirectBodyBytes: table.maxDirectBodyBytes,
    inherited: {
      retry:
        message.retry_policy === undefined
          ? undefined
          : compileRetryPolicy(message.retry_policy, issues.at('retry_policy')),
      mirrors: message.request_mirror_policies?.length
        ? compileMirrors(message.request_mirror_policies, issues.at('request_mirror_policies'))
        : table.mirrors,
    },
    flags: {
      includeRequestAttemptCount: message.include_request_attempt_count === true,
      includeAttemptCountInResponse: message.include_attempt_count_in_response === true,
      includeIsTimeoutRetryHeader: message.include_is_timeout_retry_header === true,
    },
  };
}

/** Whether a request came without TLS where the virtual host wants it (`require_tls`). */
function tlsRequirement(message: VirtualHost__Output): ((request: RequestHead) => boolean) | undefined {
  const requirement = message.require_tls ?? 'NONE';
  if (requirement === 'NONE') return undefined;
  const all = requirement === 'ALL';
  return (request) => schemeOf(request) !== 'https' && (all || request.headers.get('x-envoy-internal') !== 'true');
}

/** The answer to such a request: the same URL with `https`. */
function tlsRedirect(settings: HostSettings): RouteEntry {
  return {
    name: '',
    virtualHost: settings.name,
    action: {
      kind: 'redirect',
      status: 301,
      location: (request) => `https://${request.authority}${request.path}`,
    },
    prepareRequest: () => {},
    prepareResponse: () => {},
    filterConfig: () => undefined,
  };
}
