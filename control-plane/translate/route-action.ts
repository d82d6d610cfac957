import { formatClusterName } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { RedirectAction } from '../../proto/gen/envoy/config/route/v3/RedirectAction.js';
import type { Route } from '../../proto/gen/envoy/config/route/v3/Route.js';
import type {
  _envoy_config_route_v3_RouteAction_HashPolicy as HashPolicy,
  _envoy_config_route_v3_RouteAction_RequestMirrorPolicy as MirrorPolicy,
  RouteAction,
} from '../../proto/gen/envoy/config/route/v3/RouteAction.js';
import type { _envoy_config_route_v3_WeightedCluster_ClusterWeight as ClusterWeight } from '../../proto/gen/envoy/config/route/v3/WeightedCluster.js';
import type { Any } from '../../proto/gen/google/protobuf/Any.js';
import { resolveHost } from '../api/hosts.js';
import type { ConsistentHash } from '../api/kinds/destination-rule.js';
import type { Destination, Percent } from '../api/kinds/shared.js';
import type {
  HttpDirectResponse,
  HttpFaultInjection,
  HttpRedirect,
  HttpRoute,
  HttpRouteDestination,
} from '../api/kinds/virtual-service.js';
import { durationMs } from '../model/mesh-settings.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { authorityOf, headerFields } from './header-operations.js';
import { any, bool, duration, fractionalPercent, regexMatcher, runtimePercent, uint32 } from './messages.js';
import { retryPolicy } from './retry.js';
import { policyFor } from './traffic-policy.js';

/** Where routes of one VirtualService are being translated for. */
export interface RouteScope {
  readonly context: ProxyContext;
  /** Namespace in which short destination names are completed. */
  readonly namespace: string;
  /** Port of the service that the client addressed. */
  readonly port: number;
}

/** Everything of a route but its match and name. Undefined for a route that sends requests nowhere. */
export function routeBody(scope: RouteScope, route: HttpRoute): Route | undefined {
  const fields = {
    ...headerFields(route.headers),
    ...(route.fault && faultConfig(route.fault)),
  };
  if (route.redirect !== undefined) return { redirect: redirectAction(route.redirect, scope.port), ...fields };
  if (route.directResponse !== undefined) return { direct_response: directResponse(route.directResponse), ...fields };
  if (route.delegate !== undefined || route.route === undefined || route.route.length === 0) return undefined;
  // Envoy refuses weights that add up to nothing, and nobody is to get the request.
  if (withWeight(route.route).length === 0) return { direct_response: { status: 503 }, ...fields };
  const { action, headers } = forward(scope, route, route.route);
  return { route: action, ...mergeHeaders(fields, headers) };
}

function forward(
  scope: RouteScope,
  route: HttpRoute,
  destinations: readonly HttpRouteDestination[],
): { action: RouteAction; headers: Route } {
  const chosen = withWeight(destinations);
  const [only] = chosen;
  const timeout = duration(durationMs(route.timeout, 0));
  const retry = retryPolicy(route.retries, scope.context.snapshot.settings);
  const mirrors = mirrorPolicies(scope, route);
  const hash = chosen.flatMap(({ destination }) => hashPolicies(scope, destination));
  const action: RouteAction = {
    ...(chosen.length === 1 && only !== undefined
      ? { cluster: clusterOf(scope, only.destination) }
      : { weighted_clusters: { clusters: chosen.map((item) => clusterWeight(scope, item)) } }),
    timeout,
    ...(retry && { retry_policy: retry }),
    // Beside max_stream_duration, Envoy does not enforce `timeout`.
    ...(durationMs(route.timeout, 0) === 0 && { max_stream_duration: { grpc_timeout_header_max: timeout } }),
    ...rewrite(route, chosen.length === 1 ? only : undefined),
    ...(mirrors.length > 0 && { request_mirror_policies: mirrors }),
    ...(hash.length > 0 && { hash_policy: hash }),
  };
  return { action, headers: chosen.length === 1 ? headerFields(only?.headers) : {} };
}

/** A single destination gets everything, whatever its weight; of several, those without one get nothing. */
function withWeight(destinations: readonly HttpRouteDestination[]): readonly HttpRouteDestination[] {
  return destinations.length === 1 ? destinations : destinations.filter(({ weight }) => (weight ?? 0) > 0);
}

function clusterWeight(scope: RouteScope, item: HttpRouteDestination): ClusterWeight {
  const authority = authorityOf(item.headers);
  return {
    name: clusterOf(scope, item.destination),
    weight: uint32(item.weight ?? 0),
    ...headerFields(item.headers),
    ...(authority !== undefined && { host_rewrite_literal: authority }),
  };
}

function mergeHeaders(a: Route, b: Route): Route {
  const merged: Route = { ...a };
  if (b.request_headers_to_add)
    merged.request_headers_to_add = [...(a.request_headers_to_add ?? []), ...b.request_headers_to_add];
  if (b.response_headers_to_add)
    merged.response_headers_to_add = [...(a.response_headers_to_add ?? []), ...b.response_headers_to_add];
  if (b.request_headers_to_remove)
    merged.request_headers_to_remove = [...(a.request_headers_to_remove ?? []), ...b.request_headers_to_remove];
  if (b.response_headers_to_remove)
    merged.response_headers_to_remove = [...(a.response_headers_to_remove ?? []), ...b.response_headers_to_remove];
  return merged;
}

/** The destination's port: as written, its only one, or the one that was addressed. */
export function destinationPort(scope: RouteScope, destination: Destination, host: string): VisiblePort | undefined {
  const ports = scope.context.byHost.get(host) ?? wildcardPorts(scope.context, host);
  const wanted = destination.port?.number;
  if (wanted !== undefined) return ports.find(({ port }) => port.number === wanted);
  return ports.length === 1 ? ports[0] : ports.find(({ port }) => port.number === scope.port);
}

function wildcardPorts(context: ProxyContext, host: string): readonly VisiblePort[] {
  for (const [pattern, ports] of context.byHost) {
    if (pattern.startsWith('*') && host.endsWith(pattern.slice(1))) return ports;
  }
  return [];
}

/** A name that no cluster has when host or subset are not there: the request gets 503 NC. */
function clusterOf(scope: RouteScope, destination: Destination): string {
  const host = resolveHost(destination.host, scope.namespace);
  const found = destinationPort(scope, destination, host);
  const port = found?.port.number ?? destination.port?.number ?? scope.port;
  const subset = destination.subset ?? '';
  return formatClusterName({ direction: 'outbound', port, subset, host: found?.service.host ?? host });
}

function rewrite(route: HttpRoute, only: HttpRouteDestination | undefined): RouteAction {
  const regex = route.rewrite?.uriRegexRewrite;
  const uri = route.rewrite?.uri;
  const authority = route.rewrite?.authority ?? authorityOf(only?.headers) ?? authorityOf(route.headers);
  return {
    ...(regex?.match !== undefined
      ? { regex_rewrite: { pattern: regexMatcher(regex.match), substitution: regex.rewrite ?? '' } }
      : uri !== undefined && uri !== '' && { prefix_rewrite: uri }),
    ...(authority !== undefined && authority !== '' && { host_rewrite_literal: authority }),
  };
}

function mirrorPolicies(scope: RouteScope, route: HttpRoute): MirrorPolicy[] {
  const wanted: { destination: Destination; percentage: Percent | undefined }[] = (route.mirrors ?? []).map(
    ({ destination, percentage }) => ({ destination, percentage }),
  );
  if (route.mirror !== undefined) {
    const old = route.mirrorPercent === undefined ? undefined : { value: route.mirrorPercent };
    wanted.push({ destination: route.mirror, percentage: route.mirrorPercentage ?? old });
  }
  return wanted.flatMap(({ destination, percentage }) => {
    const percent = percentage === undefined ? 100 : (percentage.value ?? 0);
    if (percent <= 0) return [];
    return [
      {
        cluster: clusterOf(scope, destination),
        runtime_fraction: runtimePercent(percent),
        trace_sampled: bool(false),
      },
    ];
  });
}

/** consistentHash of the destination's DestinationRule: the route computes the hash, the cluster uses it. */
export function hashPolicies(scope: RouteScope, destination: Destination): HashPolicy[] {
  const host = resolveHost(destination.host, scope.namespace);
  const found = destinationPort(scope, destination, host);
  if (found === undefined) return [];
  const rule = scope.context.rule(found.service);
  const subset = rule?.subsets.find(({ name }) => name === destination.subset);
  const hash = policyFor(rule, found.port.number, subset).loadBalancer?.consistentHash;
  return hash === undefined ? [] : hashPolicy(hash);
}

function hashPolicy(hash: ConsistentHash): HashPolicy[] {
  if (hash.httpHeaderName !== undefined) return [{ header: { header_name: hash.httpHeaderName } }];
  if (hash.httpCookie !== undefined) {
    const { name, path, ttl } = hash.httpCookie;
    return [
      {
        cookie: {
          name,
          ...(ttl !== undefined && { ttl: duration(durationMs(ttl, 0)) }),
          ...(path !== undefined && { path }),
        },
      },
    ];
  }
  if (hash.useSourceIp === true) return [{ connection_properties: { source_ip: true } }];
  if (hash.httpQueryParameterName !== undefined) return [{ query_parameter: { name: hash.httpQueryParameterName } }];
  return [];
}

const REDIRECT_CODES: Readonly<Record<number, RedirectAction['response_code']>> = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};
const PREFIX_MARK = '%PREFIX()%';

function redirectAction(redirect: HttpRedirect, port: number): RedirectAction {
  const code = REDIRECT_CODES[redirect.redirectCode ?? 301];
  const target = redirect.port ?? (redirect.derivePort === 'FROM_REQUEST_PORT' ? port : undefined);
  const prefix =
    redirect.prefixRewrite ??
    (redirect.uri?.startsWith(PREFIX_MARK) ? redirect.uri.slice(PREFIX_MARK.length) : undefined);
  return {
    ...(redirect.authority !== undefined && { host_redirect: redirect.authority }),
    ...(redirect.scheme !== undefined && { scheme_redirect: redirect.scheme }),
    ...(target !== undefined && { port_redirect: target }),
    ...(prefix !== undefined
      ? { prefix_rewrite: prefix }
      : redirect.uri !== undefined && { path_redirect: redirect.uri }),
    ...(code !== undefined && { response_code: code }),
  };
}

function directResponse({ status, body }: HttpDirectResponse): NonNullable<Route['direct_response']> {
  if (body?.string !== undefined) return { status, body: { inline_string: body.string } };
  if (body?.bytes !== undefined) return { status, body: { inline_bytes: Buffer.from(body.bytes, 'base64') } };
  return { status };
}

export const FAULT_FILTER = 'envoy.filters.http.fault';

/** A percentage that is not given is none, as in Istio. */
function faultConfig({
  delay,
  abort,
}: HttpFaultInjection): { typed_per_filter_config: { [name: string]: Any } } | undefined {
  const fault = {
    ...(delay?.fixedDelay !== undefined && {
      delay: {
        fixed_delay: duration(durationMs(delay.fixedDelay, 0)),
        percentage: fractionalPercent(delay.percentage?.value ?? delay.percent ?? 0),
      },
    }),
    ...(abort?.httpStatus !== undefined && {
      abort: { http_status: abort.httpStatus, percentage: fractionalPercent(abort.percentage?.value ?? 0) },
    }),
  };
  if (Object.keys(fault).length === 0) return undefined;
  return { typed_per_filter_config: { [FAULT_FILTER]: any(EXTENSION.fault, fault) } };
}
