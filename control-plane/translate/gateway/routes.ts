import type { Route } from '../../../proto/gen/envoy/config/route/v3/Route.js';
import type { RouteConfiguration } from '../../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { VirtualHost } from '../../../proto/gen/envoy/config/route/v3/VirtualHost.js';
import { commonHosts } from '../../model/gateway-hosts.js';
import { isVisible } from '../../model/visibility.js';
import type { ProxyContext } from '../context.js';
import { HostTable, mayHaveMatched, virtualServiceRoutes } from '../outbound-routes.js';
import { matchesEverything } from '../route-match.js';
import type { PlacedServer } from './servers.js';

/** A virtual host while the VirtualServices of one host are joined. */
interface Host {
  readonly name: string;
  readonly routes: Route[];
  redirects: boolean;
}

/**
 * The routes of servers that share a route table. Several VirtualServices for one host add to each other, the oldest
 * first; a route that takes everything goes behind all others, so that it hides none.
 */
export function gatewayRoutes(
  context: ProxyContext,
  name: string,
  servers: readonly PlacedServer[],
): RouteConfiguration {
  const found = new Map<string, Host>();
  const hostOf = (host: string, port: number): Host => {
    const known = found.get(host) ?? { name: `${host}:${port}`, routes: [], redirects: false };
    found.set(host, known);
    return known;
  };
  for (const placed of servers) {
    const { server, hosts } = placed;
    const port = server.port.number;
    const redirects = server.tls?.httpsRedirect === true;
    for (const { host, routes } of routesByHost(context, placed)) {
      const virtualHost = hostOf(host, port);
      virtualHost.routes.push(...routes);
      virtualHost.redirects ||= redirects;
    }
    if (redirects) for (const { host } of hosts) hostOf(host, port).redirects = true;
  }
  const table = new HostTable();
  for (const [host, virtualHost] of found) table.add(virtualHostOf(host, virtualHost));
  if (found.size === 0) table.add({ name: `blackhole:${servers[0]?.server.port.number ?? 0}`, domains: ['*'] });
  return table.table(name, true);
}

function virtualHostOf(host: string, { name, routes, redirects }: Host): VirtualHost {
  return {
    name,
    domains: [host],
    routes: catchAllLast(routes),
    include_request_attempt_count: true,
    ...(redirects && { require_tls: 'ALL' }),
  };
}

function catchAllLast(routes: readonly Route[]): Route[] {
  const takesAll = ({ match }: Route): boolean => match != null && matchesEverything(match);
  return [...routes.filter((route) => !takesAll(route)), ...routes.filter(takesAll)];
}

function routesByHost(
  context: ProxyContext,
  { gateway, server, hosts }: PlacedServer,
): { readonly host: string; readonly routes: readonly Route[] }[] {
  const { virtualServices } = context.snapshot;
  const gateways = new Set([gateway.key]);
  return virtualServices.ofGateway(gateway.key).flatMap((vs) => {
    if (!isVisible(vs.exportTo, context.client.namespace)) return [];
    const common = commonHosts(hosts, vs.hosts, vs.namespace);
    if (common.length === 0 || (vs.spec.http ?? []).length === 0) return [];
    const scope = {
      context,
      namespace: vs.namespace,
      port: server.port.number,
      tls: server.tls !== undefined && server.tls.httpsRedirect !== true,
      gateways,
    };
    const routes = virtualServiceRoutes(scope, vs);
    if (routes.length === 0 && !mayHaveMatched(vs)) return [];
    return common.map((host) => ({ host, routes }));
  });
}
