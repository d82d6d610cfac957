import { parseClusterName } from '../../common/xds/names.js';
import type { Route } from '../../proto/gen/envoy/config/route/v3/Route.js';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';

/** The same routes, each with the name that spans of its requests get, as Istio makes it: `HOST:PORT/PATH*`. */
export function withOperations(
  routes: ReadonlyMap<string, RouteConfiguration>,
): ReadonlyMap<string, RouteConfiguration> {
  return new Map([...routes].map(([name, configuration]) => [name, named(configuration)]));
}

function named(configuration: RouteConfiguration): RouteConfiguration {
  return {
    ...configuration,
    virtual_hosts: (configuration.virtual_hosts ?? []).map((virtualHost) => ({
      ...virtualHost,
      routes: (virtualHost.routes ?? []).map((route) => ({
        ...route,
        decorator: { operation: operationOf(route, virtualHost.name ?? '') },
      })),
    })),
  };
}

/** One cluster says where the request goes; with several of them only the virtual host is certain. */
function operationOf({ route, match }: Route, virtualHost: string): string {
  const cluster = route?.cluster === undefined ? undefined : parseClusterName(route.cluster);
  return `${cluster === undefined ? virtualHost : `${cluster.host}:${cluster.port}`}${pathOf(match)}`;
}

function pathOf(match: Route['match']): string {
  if (match?.path !== undefined) return match.path;
  const prefix = match?.prefix ?? match?.path_separated_prefix;
  if (prefix !== undefined) return `${prefix}*`;
  return match?.safe_regex?.regex ?? '/*';
}
