import { formatClusterName } from '../../../common/xds/names.js';
import type { Cluster } from '../../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { Filter } from '../../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { TlsRoute } from '../../api/kinds/virtual-service.js';
import type { ServerHost } from '../../model/gateway-hosts.js';
import { commonHosts } from '../../model/gateway-hosts.js';
import { hostCovers } from '../../model/hosts.js';
import { gatewayKey, type MeshVirtualService } from '../../model/virtual-services.js';
import { isVisible } from '../../model/visibility.js';
import { BLACK_HOLE_CLUSTER } from '../capture.js';
import type { ProxyContext } from '../context.js';
import { adsSource, duration } from '../messages.js';
import { type L4Match, routeDestinations } from '../tcp-destinations.js';
import { outboundTcpFilters } from '../tcp-filters.js';
import { meshSni } from '../upstream-tls.js';
import type { PlacedServer } from './servers.js';

/** Connections that a server of a gateway relays. Empty lists match everything. */
export interface RelayedChain {
  readonly serverNames: readonly string[];
  readonly destinations: readonly string[];
  readonly filters: readonly Filter[];
}

/** The first TCP route of a VirtualService that is bound to the server; undefined where there is none. */
export function tcpRouteFilters(context: ProxyContext, placed: PlacedServer): readonly Filter[] | undefined {
  const port = placed.server.port.number;
  for (const vs of boundServices(context, placed)) {
    if (commonHosts(placed.hosts, vs.hosts, vs.namespace).length === 0) continue;
    for (const route of vs.spec.tcp ?? []) {
      const matches = route.match === undefined || route.match.length === 0 ? [{}] : route.match;
      if (matches.some((match) => concerns(match, placed, vs, port))) {
        return routeFilters(context, vs, route, port);
      }
    }
  }
  return undefined;
}

/** TLS that is not ended here: by the server names of TLS routes. */
export function tlsRouteChains(context: ProxyContext, placed: PlacedServer): RelayedChain[] {
  const port = placed.server.port.number;
  return boundServices(context, placed).flatMap((vs) =>
    (vs.spec.tls ?? []).flatMap((route) => {
      const filters = routeFilters(context, vs, route, port);
      return route.match.flatMap((match) => {
        if (!concerns(match, placed, vs, port)) return [];
        const serverNames = match.sniHosts.filter((name) => covered(placed.hosts, name.toLowerCase(), vs.namespace));
        if (serverNames.length === 0) return [];
        return [{ serverNames, destinations: match.destinationSubnets ?? [], filters }];
      });
    }),
  );
}

/** Every service of the mesh by the server name that mesh clients give it: their TLS goes on to the cluster of that name. */
export function autoPassthroughChains(context: ProxyContext, { hosts }: PlacedServer): RelayedChain[] {
  const chains = new Map<string, RelayedChain>();
  for (const { service, port } of context.ports) {
    if (service.resolution !== 'static' || !covered(hosts, service.host, service.namespace)) continue;
    const subsets = ['', ...(context.rule(service)?.subsets ?? []).map(({ name }) => name)];
    for (const subset of subsets) {
      const name = meshSni({ service, port: port.number, subset });
      const destination = { cluster: name, weight: 1, policy: {}, undeclared: false };
      chains.set(name, {
        serverNames: [name],
        destinations: [],
        filters: outboundTcpFilters(context, [destination], name),
      });
    }
  }
  return [...chains.values()];
}

/** The clusters of these chains: the endpoints of the services as they are, with no TLS added to what comes. */
export function autoPassthroughClusters(context: ProxyContext, placed: PlacedServer): Cluster[] {
  const names = new Set(autoPassthroughChains(context, placed).flatMap(({ serverNames }) => serverNames));
  return context.ports.flatMap(({ service, port }) =>
    ['', ...(context.rule(service)?.subsets ?? []).map(({ name }) => name)].flatMap((subset) => {
      const target = { service, port: port.number, subset };
      const name = meshSni(target);
      if (!names.has(name)) return [];
      const endpoints = formatClusterName({ direction: 'outbound', host: service.host, port: port.number, subset });
      return [
        {
          name,
          type: 'EDS' as const,
          eds_cluster_config: { eds_config: adsSource, service_name: endpoints },
          connect_timeout: duration(context.snapshot.settings.connectTimeoutMs),
        },
      ];
    }),
  );
}

/** Takes connections and closes them. */
export function refusal(context: ProxyContext): readonly Filter[] {
  const nowhere = { cluster: BLACK_HOLE_CLUSTER, weight: 1, policy: {}, undeclared: false };
  return outboundTcpFilters(context, [nowhere], BLACK_HOLE_CLUSTER);
}

function boundServices({ snapshot, client }: ProxyContext, { gateway }: PlacedServer): readonly MeshVirtualService[] {
  return snapshot.virtualServices
    .ofGateway(gateway.key)
    .filter(({ exportTo }) => isVisible(exportTo, client.namespace));
}

function concerns(match: L4Match, { gateway }: PlacedServer, vs: MeshVirtualService, port: number): boolean {
  const { gateways = [] } = match;
  return (
    (gateways.length === 0 || gateways.some((name) => gatewayKey(name, vs.namespace) === gateway.key)) &&
    (match.port === undefined || match.port === 0 || match.port === port)
  );
}

function covered(hosts: readonly ServerHost[], name: string, namespace: string): boolean {
  return hosts.some(
    (server) => (server.namespace === undefined || server.namespace === namespace) && hostCovers(server.host, name),
  );
}

function routeFilters(
  context: ProxyContext,
  vs: MeshVirtualService,
  route: Parameters<typeof routeDestinations>[2] | TlsRoute,
  port: number,
): Filter[] {
  const destinations = routeDestinations(context, vs, route, port);
  const [only, ...others] = destinations;
  const statPrefix = only !== undefined && others.length === 0 ? only.cluster : `${vs.name}.${vs.namespace}`;
  return outboundTcpFilters(context, destinations, statPrefix);
}
