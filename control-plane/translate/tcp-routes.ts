import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { TcpRoute, TlsRoute } from '../api/kinds/virtual-service.js';
import type { MeshVirtualService } from '../model/virtual-services.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { concerns, routeDestinations, serviceDestination } from './tcp-destinations.js';
import { outboundTcpFilters } from './tcp-filters.js';

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
  for (const vs of context.virtualServices.findAll(visible.service.host)) {
    for (const route of vs.spec.tls ?? []) {
      const filters = routeFilters(context, vs, route, listenPort);
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
  for (const vs of context.virtualServices.findAll(visible.service.host)) {
    for (const route of vs.spec.tcp ?? []) {
      const filters = routeFilters(context, vs, route, listenPort);
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

/** A chain for all that comes to the service; by its name where nothing else can tell. */
function serviceChain(context: ProxyContext, visible: VisiblePort): TcpChain {
  return { sniHosts: [], destinations: [], sources: [], filters: serviceFilters(context, visible) };
}

/** Filters that relay to a service itself. */
function serviceFilters(context: ProxyContext, visible: VisiblePort): Filter[] {
  const destination = serviceDestination(context, visible);
  return outboundTcpFilters(context, [destination], destination.cluster);
}

function routeFilters(
  context: ProxyContext,
  vs: MeshVirtualService,
  route: TlsRoute | TcpRoute,
  listenPort: number,
): Filter[] {
  const destinations = routeDestinations(context, vs, route, listenPort);
  const [only, ...others] = destinations;
  const statPrefix = only !== undefined && others.length === 0 ? only.cluster : `${vs.name}.${vs.namespace}`;
  return outboundTcpFilters(context, destinations, statPrefix);
}
