import type { Route } from '../../../proto/gen/envoy/config/route/v3/Route.js';
import type { RouteConfiguration } from '../../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { VirtualHost } from '../../../proto/gen/envoy/config/route/v3/VirtualHost.js';
import type { PatchContext, RouteConfigurationMatch } from '../../api/kinds/envoy-filter.js';
import type { EnvoyPatch } from '../../model/envoy-filters.js';
import { isMerge, mergedWith, patchList } from './operations.js';
import { meets, type Patching, patchesFor } from './place.js';

/** Routes after their patches; `port` is that of the filter chain they stand in, if they do. */
export function patchRoutes(
  patching: Patching,
  context: PatchContext,
  original: RouteConfiguration,
  port?: number,
): RouteConfiguration {
  const place = { name: original.name ?? '', port: port ?? portIn(original.name ?? '') };
  let routes = original;
  for (const patch of patchesFor(patching, 'ROUTE_CONFIGURATION', context)) {
    if (isMerge(patch) && tableMatches(place, patch) && meets(patch.match.routeConfiguration?.portNumber, place.port)) {
      routes = mergedWith(routes, patch);
    }
  }
  let hosts = routes.virtual_hosts ?? [];
  for (const patch of patchesFor(patching, 'VIRTUAL_HOST', context)) {
    if (!tableMatches(place, patch)) continue;
    if (patch.operation === 'ADD' && !meets(patch.match.routeConfiguration?.portNumber, place.port)) continue;
    hosts = patchList(hosts, patch, {
      names: patch.match.routeConfiguration?.vhost !== undefined,
      matches: (host) => hostMatches(place, host, patch),
    });
  }
  const patched = hosts.map((host) => withRoutes(patching, context, place, host));
  return { ...routes, ...(routes.virtual_hosts !== undefined && { virtual_hosts: patched }) };
}

interface Table {
  readonly name: string;
  /** Undefined where the table is for hosts of all ports. */
  readonly port: number | undefined;
}

function withRoutes(patching: Patching, context: PatchContext, place: Table, host: VirtualHost): VirtualHost {
  const patches = patchesFor(patching, 'HTTP_ROUTE', context).filter(
    (patch) => tableMatches(place, patch) && hostMatches(place, host, patch),
  );
  if (patches.length === 0) return host;
  let routes = host.routes ?? [];
  for (const patch of patches) {
    const wanted = patch.match.routeConfiguration?.vhost?.route;
    routes = patchList(routes, patch, { names: wanted !== undefined, matches: (route) => routeMatches(route, wanted) });
  }
  return { ...host, routes };
}

function tableMatches({ name }: Table, { match }: EnvoyPatch): boolean {
  return meets(match.routeConfiguration?.name, name);
}

/** Names of hosts end with their port, where the table has none. */
function hostMatches({ port }: Table, { name = '', domains = [] }: VirtualHost, { match }: EnvoyPatch): boolean {
  const wanted = match.routeConfiguration;
  if (wanted === undefined) return true;
  if (!meets(wanted.portNumber, port ?? portIn(name))) return false;
  return meets(wanted.vhost?.name, name) && (!wanted.vhost?.domainName || domains.includes(wanted.vhost.domainName));
}

type RouteMatch = NonNullable<RouteConfigurationMatch['vhost']>['route'];

function routeMatches(route: Route, wanted: RouteMatch): boolean {
  if (!meets(wanted?.name, route.name ?? '')) return false;
  switch (wanted?.action) {
    case 'ROUTE':
      return isSet(route.route);
    case 'REDIRECT':
      return isSet(route.redirect);
    case 'DIRECT_RESPONSE':
      return isSet(route.direct_response);
    default:
      return true;
  }
}

function isSet(action: object | null | undefined): boolean {
  return action !== undefined && action !== null;
}

/** `9080`, `reviews.default.svc.cluster.local:9080`, `inbound|9080||`, and a gateway's `http.9080` or `https.9080.name…`. */
function portIn(name: string): number | undefined {
  const digits = /^(\d+)$|:(\d+)$|^inbound\|(\d+)\||^https?\.(\d+)(?:\.|$)/
    .exec(name)
    ?.slice(1)
    .find((group) => group !== undefined);
  return digits === undefined ? undefined : Number(digits);
}
