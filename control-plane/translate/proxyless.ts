import { formatClusterName } from '../../common/xds/names.js';
import { EXTENSION, type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import { clusterDomain, serviceHost } from '../api/hosts.js';
import type { ProxyNode } from '../model/proxy-node.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ProxyResources } from '../xds/resources.js';
import { outboundClusters } from './clusters.js';
import { type ProxyContext, proxyContext, type VisiblePort } from './context.js';
import { adsSource, any } from './messages.js';
import { domainsOf, serviceRoutes } from './outbound-routes.js';
import { FAULT_FILTER } from './route-fault.js';

/**
 * What a proxyless gRPC client is to have. It asks for listeners by the name that it dials,
 * `reviews.default.svc.cluster.local:9080`; a name that is no port of a visible service gets none. Connections are
 * plaintext: gRPC's credentials for the mesh would need a certificate provider in the client's own bootstrap.
 */
export function translateProxyless(
  snapshot: MeshSnapshot,
  node: ProxyNode,
  requestedListenerNames: Iterable<string>,
): ProxyResources {
  const context = proxyContext(snapshot, node);
  const { clusters, endpoints } = outboundClusters(context);
  const listeners = new Map<string, Listener>();
  const routes = new Map<string, RouteConfiguration>();
  for (const name of requestedListenerNames) {
    const visible = dialled(context, name);
    if (visible === undefined) continue;
    const route = formatClusterName({
      direction: 'outbound',
      port: visible.port.number,
      subset: '',
      host: visible.service.host,
    });
    listeners.set(name, apiListener(name, route));
    routes.set(route, routeTable(context, visible, route));
  }
  return new Map<ResourceTypeUrl, ReadonlyMap<string, object>>([
    [TYPE.cluster, new Map([...clusters].map(([name, cluster]) => [name, forGrpc(cluster)]))],
    [TYPE.endpoint, endpoints],
    [TYPE.listener, listeners],
    [TYPE.route, routes],
  ]);
}

function dialled(context: ProxyContext, name: string): VisiblePort | undefined {
  const colon = name.lastIndexOf(':');
  const host = colon < 0 ? name : name.slice(0, colon);
  const number = colon < 0 ? 80 : Number(name.slice(colon + 1));
  for (const candidate of [host, `${host}.svc.${clusterDomain()}`, serviceHost(host, context.client.namespace)]) {
    const found = context.byHost.get(candidate)?.find(({ port }) => port.number === number);
    if (found !== undefined) return found;
  }
  return undefined;
}

function apiListener(name: string, route: string): Listener {
  const manager = any(EXTENSION.httpConnectionManager, {
    rds: { config_source: adsSource, route_config_name: route },
    http_filters: [
      { name: FAULT_FILTER, typed_config: any(EXTENSION.fault) },
      { name: 'envoy.filters.http.router', typed_config: any(EXTENSION.router) },
    ],
  });
  return { name, api_listener: { api_listener: manager } };
}

function routeTable(context: ProxyContext, visible: VisiblePort, name: string): RouteConfiguration {
  const host = `${visible.service.host}:${visible.port.number}`;
  const domains = domainsOf(context, visible, true);
  return { name, virtual_hosts: [{ name: host, domains, routes: serviceRoutes(context, visible) }] };
}

/** gRPC refuses balancers that it does not have, and transport socket matches mean nothing to it. */
function forGrpc(cluster: Cluster): Cluster {
  const { transport_socket_matches: _matches, transport_socket: _socket, ...rest } = cluster;
  return { ...rest, lb_policy: cluster.lb_policy === 'RING_HASH' ? 'RING_HASH' : 'ROUND_ROBIN' };
}
