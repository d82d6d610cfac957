import { formatClusterName } from '../../common/xds/names.js';
import { resolveHost } from '../api/hosts.js';
import type { RouteDestination, TcpRoute, TlsRoute } from '../api/kinds/virtual-service.js';
import { selectorMatches } from '../api/labels.js';
import type { Client } from '../model/destination-rules.js';
import { hostCovers } from '../model/hosts.js';
import { forSidecars, type MeshVirtualService } from '../model/virtual-services.js';
import { BLACK_HOLE_CLUSTER } from './capture.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { clusterOf, destinationPort, type RouteScope, withWeight } from './route-action.js';
import { type EffectivePolicy, policyFor } from './traffic-policy.js';

/** Where connections go. */
export interface TcpDestination {
  readonly cluster: string;
  readonly weight: number;
  readonly policy: EffectivePolicy;
  /** Nothing says what its port carries. */
  readonly undeclared: boolean;
}

export type L4Match = NonNullable<TcpRoute['match']>[number];

/** Whether a match can be met by connections of this client to this port: the part of it that is known beforehand. */
export function concerns(match: L4Match, client: Client, port: number): boolean {
  return (
    forSidecars(match.gateways) &&
    (match.port === undefined || match.port === 0 || match.port === port) &&
    selectorMatches(match.sourceLabels ?? {}, client.labels) &&
    (match.sourceNamespace || client.namespace) === client.namespace
  );
}

/** The service itself. */
export function serviceDestination(context: ProxyContext, { service, port }: VisiblePort): TcpDestination {
  return {
    cluster: formatClusterName({ direction: 'outbound', port: port.number, subset: '', host: service.host }),
    weight: 1,
    policy: policyFor(context.rule(service), port.number),
    undeclared: port.protocol === 'auto',
  };
}

/** A route whose destinations all have weight 0 leads nowhere. */
export function routeDestinations(
  context: ProxyContext,
  vs: MeshVirtualService,
  route: TlsRoute | TcpRoute,
  port: number,
): TcpDestination[] {
  const scope: RouteScope = { context, namespace: vs.namespace, port };
  const chosen = withWeight<RouteDestination>(route.route ?? []).map((item) => tcpDestination(scope, item));
  return chosen.length > 0 ? chosen : [{ cluster: BLACK_HOLE_CLUSTER, weight: 1, policy: {}, undeclared: false }];
}

function tcpDestination(scope: RouteScope, { destination, weight = 1 }: RouteDestination): TcpDestination {
  const found = destinationPort(scope, destination, resolveHost(destination.host, scope.namespace));
  const rule = found === undefined ? undefined : scope.context.rule(found.service);
  const subset = rule?.subsets.find(({ name }) => name === destination.subset);
  const policy = found === undefined ? {} : policyFor(rule, found.port.number, subset);
  return { cluster: clusterOf(scope, destination), weight, policy, undeclared: found?.port.protocol === 'auto' };
}

/** Where a CONNECT to a service leads: no address is known of its destination, and of its server name only the service's. */
export function connectDestinations(context: ProxyContext, visible: VisiblePort): readonly TcpDestination[] {
  const { service, port } = visible;
  const { client } = context;
  for (const vs of context.virtualServices.findAll(service.host)) {
    if (port.protocol === 'tls') {
      for (const route of vs.spec.tls ?? []) {
        const met = route.match.some(
          (match) =>
            concerns(match, client, port.number) &&
            (match.destinationSubnets ?? []).length === 0 &&
            match.sniHosts.some((sni) => hostCovers(sni, service.host)),
        );
        if (met) return routeDestinations(context, vs, route, port.number);
      }
      continue;
    }
    for (const route of vs.spec.tcp ?? []) {
      const matches = route.match === undefined || route.match.length === 0 ? [{}] : route.match;
      const met = matches.some(
        (match) =>
          concerns(match, client, port.number) &&
          (match.destinationSubnets ?? []).length === 0 &&
          (match.sourceSubnet ?? '') === '',
      );
      if (met) return routeDestinations(context, vs, route, port.number);
    }
  }
  return [serviceDestination(context, visible)];
}
