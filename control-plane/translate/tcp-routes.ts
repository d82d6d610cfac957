import { formatClusterName } from '../../common/xds/names.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import { resolveHost } from '../api/hosts.js';
import type { RouteDestination, TcpRoute, TlsRoute } from '../api/kinds/virtual-service.js';
import { selectorMatches } from '../api/labels.js';
import type { Client } from '../model/destination-rules.js';
import { forSidecars, type MeshVirtualService } from '../model/virtual-services.js';
import { BLACK_HOLE_CLUSTER } from './capture.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { clusterOf, destinationPort, type RouteScope, withWeight } from './route-action.js';
import { outboundTcpFilters, type TcpDestination } from './tcp-filters.js';
import { policyFor } from './traffic-policy.js';

/** Which connections go where. Empty lists match everything. */
export interface TcpChain {
  readonly sniHosts: readonly string[];
  /** CIDR ranges of the destination, and of the source. */
  readonly destinations: readonly string[];
  readonly sources: readonly string[];
  readonly filters: readonly Filter[];
}

/** The chains of a port that is served as TCP: by VirtualServices, else all to the service. */
export function tcpChains(context: ProxyContext, visible: VisiblePort, listenPort: number): TcpChain[] {
  return visible.port.protocol === 'tls'
    ? tlsChains(context, visible, listenPort)
    : plainTcpChains(context, visible, listenPort);
}

/** Routes by server name add to each other; what no route names goes to the service, where one is asked for by its address. */
function tlsChains(context: ProxyContext, visible: VisiblePort, listenPort: number): TcpChain[] {
  const chains: TcpChain[] = [];
  for (const vs of context.snapshot.virtualServices.findAll(visible.service.host, context.client.namespace)) {
    for (const route of vs.spec.tls ?? []) {
      const filters = routeFilters(context, vs, route, listenPort, visible);
      for (const match of route.match) {
        if (!concerns(match, context.client, listenPort)) continue;
        const sniHosts = match.sniHosts.includes('*') ? [] : match.sniHosts;
        chains.push({ sniHosts, destinations: match.destinationSubnets ?? [], sources: [], filters });
      }
    }
  }
  return chains.length > 0 ? chains : [serviceChain(context, visible)];
}

/** The first route that takes every connection is the last that can be reached. */
function plainTcpChains(context: ProxyContext, visible: VisiblePort, listenPort: number): TcpChain[] {
  const chains: TcpChain[] = [];
  for (const vs of context.snapshot.virtualServices.findAll(visible.service.host, context.client.namespace)) {
    for (const route of vs.spec.tcp ?? []) {
      const filters = routeFilters(context, vs, route, listenPort, visible);
      const matches = route.match === undefined || route.match.length === 0 ? [{}] : route.match;
      for (const match of matches) {
        if (!concerns(match, context.client, listenPort)) continue;
        const destinations = match.destinationSubnets ?? [];
        const sources = match.sourceSubnet === undefined || match.sourceSubnet === '' ? [] : [match.sourceSubnet];
        chains.push({ sniHosts: [], destinations, sources, filters });
        if (destinations.length === 0 && sources.length === 0) return chains;
      }
    }
  }
  return [...chains, serviceChain(context, visible)];
}

type L4Match = NonNullable<TcpRoute['match']>[number];

/** Whether a match can be met by connections of this client to this port: the part of it that is known beforehand. */
function concerns(match: L4Match, client: Client, port: number): boolean {
  return (
    forSidecars(match.gateways) &&
    (match.port === undefined || match.port === 0 || match.port === port) &&
    selectorMatches(match.sourceLabels ?? {}, client.labels) &&
    (match.sourceNamespace || client.namespace) === client.namespace
  );
}

/** A chain for all that comes to the service; by its name where nothing else can tell. */
function serviceChain(context: ProxyContext, visible: VisiblePort): TcpChain {
  return { sniHosts: [], destinations: [], sources: [], filters: serviceFilters(context, visible) };
}

/** Filters that relay to a service itself. */
export function serviceFilters(context: ProxyContext, { service, port }: VisiblePort): Filter[] {
  const cluster = formatClusterName({ direction: 'outbound', port: port.number, subset: '', host: service.host });
  const policy = policyFor(context.rule(service), port.number);
  return outboundTcpFilters(context, [{ cluster, weight: 1, policy }], {
    statPrefix: cluster,
    undeclared: port.protocol === 'auto',
  });
}

/** A route whose destinations all have weight 0 leads to a cluster that no proxy has: connections are closed. */
function routeFilters(
  context: ProxyContext,
  vs: MeshVirtualService,
  route: TlsRoute | TcpRoute,
  listenPort: number,
  visible: VisiblePort,
): Filter[] {
  const scope: RouteScope = { context, namespace: vs.namespace, port: listenPort };
  const chosen = withWeight<RouteDestination>(route.route ?? []);
  const found = chosen.map((item) => tcpDestination(scope, item));
  const destinations = found.length > 0 ? found : [{ cluster: BLACK_HOLE_CLUSTER, weight: 1, policy: {} }];
  const [first] = destinations;
  const statPrefix = destinations.length === 1 ? (first?.cluster ?? BLACK_HOLE_CLUSTER) : `${vs.name}.${vs.namespace}`;
  const undeclared = visible.port.protocol === 'auto' || chosen.some((item) => isUndeclared(scope, item));
  return outboundTcpFilters(context, destinations, { statPrefix, undeclared });
}

function portOf(scope: RouteScope, { destination }: RouteDestination): VisiblePort | undefined {
  return destinationPort(scope, destination, resolveHost(destination.host, scope.namespace));
}

function isUndeclared(scope: RouteScope, item: RouteDestination): boolean {
  return portOf(scope, item)?.port.protocol === 'auto';
}

function tcpDestination(scope: RouteScope, item: RouteDestination): TcpDestination {
  const found = portOf(scope, item);
  const rule = found === undefined ? undefined : scope.context.rule(found.service);
  const subset = rule?.subsets.find(({ name }) => name === item.destination.subset);
  const policy = found === undefined ? {} : policyFor(rule, found.port.number, subset);
  return { cluster: clusterOf(scope, item.destination), weight: item.weight ?? 1, policy };
}
