import { formatClusterName } from '../../common/xds/names.js';
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
import type { HttpRoute, HttpRouteDestination } from '../api/kinds/virtual-service.js';
import { durationMs } from '../model/mesh-settings.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { authorityOf, headerFields } from './header-operations.js';
import { bool, duration, regexMatcher, runtimePercent, uint32 } from './messages.js';
import { retryPolicy } from './retry.js';
import { directResponse, redirectAction } from './route-answers.js';
import { CORS_FILTER, corsConfig } from './route-cors.js';
import { FAULT_FILTER, faultConfig } from './route-fault.js';
import { policyFor } from './traffic-policy.js';

/** Where routes of one VirtualService are being translated for. */
export interface RouteScope {
  readonly context: ProxyContext;
  /** Namespace in which short destination names are completed. */
  readonly namespace: string;
  /** Port of the service that the client addressed. */
  readonly port: number;
  /** Whether clients address it by TLS, which ends here. */
  readonly tls?: boolean;
  /** The gateways, as `namespace/name`, whose routes these are; absent for those of sidecars. */
  readonly gateways?: ReadonlySet<string>;
}

/** Everything of a route but its match and name. Undefined for a route that sends requests nowhere. */
export function routeBody(scope: RouteScope, route: HttpRoute): Route | undefined {
  const filters = filterConfigs(route);
  const fields = {
    ...headerFields(route.headers),
    ...(filters !== undefined && { typed_per_filter_config: filters }),
  };
  if (route.redirect !== undefined) {
    return { redirect: redirectAction(route.redirect, scope.port, scope.tls === true), ...fields };
  }
  if (route.directResponse !== undefined) return { direct_response: directResponse(route.directResponse), ...fields };
  if (route.delegate !== undefined || route.route === undefined || route.route.length === 0) return undefined;
  // Envoy refuses weights that add up to nothing, and nobody is to get the request.
  if (withWeight(route.route).length === 0) return { direct_response: { status: 503 }, ...fields };
  const { action, headers } = forward(scope, route, route.route);
  return { route: action, ...mergeHeaders(fields, headers) };
}

function filterConfigs(route: HttpRoute): { [filter: string]: Any } | undefined {
  const fault = route.fault && faultConfig(route.fault);
  if (fault === undefined && route.corsPolicy === undefined) return undefined;
  return {
    ...(fault !== undefined && { [FAULT_FILTER]: fault }),
    ...(route.corsPolicy !== undefined && { [CORS_FILTER]: corsConfig(route.corsPolicy) }),
  };
}

function forward(
  scope: RouteScope,
  route: HttpRoute,
  destinations: readonly HttpRouteDestination[],
): { action: RouteAction; headers: Route } {
  const chosen = withWeight(destinations);
  const [only] = chosen;
  const mirrors = mirrorPolicies(scope, route);
  const hash = chosen.flatMap(({ destination }) => hashPolicies(scope, destination));
  const retry = retryPolicy(route.retries, scope.context.snapshot.settings, chosen.length === 1 && hash.length > 0);
  const action: RouteAction = {
    ...(chosen.length === 1 && only !== undefined
      ? { cluster: clusterOf(scope, only.destination) }
      : { weighted_clusters: { clusters: chosen.map((item) => clusterWeight(scope, item)) } }),
    ...timeouts(scope, durationMs(route.timeout, 0)),
    ...(retry && { retry_policy: retry }),
    ...rewrite(route, chosen.length === 1 ? only : undefined),
    ...(mirrors.length > 0 && { request_mirror_policies: mirrors }),
    ...(hash.length > 0 && { hash_policy: hash }),
  };
  return { action, headers: chosen.length === 1 ? headerFields(only?.headers) : {} };
}

/** The limit of a request in ms, 0 for none, which a gRPC request may lower by its own header. */
export function timeouts({ context }: RouteScope, ms: number): RouteAction {
  const timeout = duration(ms);
  // gRPC's own clients read this one only; beside it Envoy does not enforce `timeout`.
  if (context.node.dataPlane === 'grpc') return { timeout, max_stream_duration: { max_stream_duration: timeout } };
  return { timeout, max_grpc_timeout: timeout };
}

/** A single destination gets everything, whatever its weight; of several, those without one get nothing. */
export function withWeight<T extends { readonly weight?: number }>(destinations: readonly T[]): readonly T[] {
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
export function clusterOf(scope: RouteScope, destination: Destination): string {
  const host = resolveHost(destination.host, scope.namespace);
  const found = destinationPort(scope, destination, host);
  const port = found?.port.number ?? destination.port?.number ?? scope.port;
  const subset = destination.subset ?? '';
  return formatClusterName({ direction: 'outbound', port, subset, host: found?.service.host ?? host });
}

function rewrite(route: HttpRoute, only: HttpRouteDestination | undefined): RouteAction {
  const regex = route.rewrite?.uriRegexRewrite;
  const uri = route.rewrite?.uri;
  const authority = route.rewrite?.authority || authorityOf(route.headers) || authorityOf(only?.headers);
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
    const { name, path, ttl, attributes = [] } = hash.httpCookie;
    return [
      {
        cookie: {
          name,
          ...(ttl !== undefined && { ttl: duration(durationMs(ttl, 0)) }),
          ...(path !== undefined && { path }),
          ...(attributes.length > 0 && { attributes: attributes.map((attribute) => ({ ...attribute })) }),
        },
      },
    ];
  }
  if (hash.useSourceIp === true) return [{ connection_properties: { source_ip: true } }];
  if (hash.httpQueryParameterName !== undefined) return [{ query_parameter: { name: hash.httpQueryParameterName } }];
  return [];
}
