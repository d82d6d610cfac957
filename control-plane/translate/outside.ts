import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { VirtualHost } from '../../proto/gen/envoy/config/route/v3/VirtualHost.js';
import type { HttpFilter } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpFilter.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import { isHttp } from '../model/service.js';
import { PASSTHROUGH_CLUSTER } from './capture.js';
import { policyFields } from './cluster-policy.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { any, duration } from './messages.js';

/** Filter and cluster share the cache, so they have to name it alike. */
const DNS_CACHE = { name: 'outside', dns_lookup_family: 'V4_PREFERRED' } as const;

/**
 * The way out to hosts that the mesh does not know, for applications that use their sidecar as an HTTP proxy: nothing
 * tells where their connections would have gone, so the authority of a request is looked up.
 */
export function outsideCluster(settings: MeshSettings): Cluster {
  return { name: PASSTHROUGH_CLUSTER, ...policyFields({}, 'http', 'http1', settings), ...lookedUp() };
}

/**
 * Whether a service's hosts are only known by the requests for them: a wildcard without endpoints, whose resolution is
 * DYNAMIC_DNS, or NONE where nothing tells where a connection was going.
 */
export function isLookedUp({ captured, node }: ProxyContext, { service, port }: VisiblePort): boolean {
  if (!service.host.startsWith('*') || service.endpoints.length > 0 || node.dataPlane === 'grpc') return false;
  if (service.resolution === 'static') return false;
  if (!captured) return true;
  // A request names its host, and so does TLS; where applications use their sidecar as a proxy, a CONNECT does for anything.
  return service.resolution !== 'none' && (isHttp(port.protocol) || port.protocol === 'tls');
}

/** Before the relay of TLS to such hosts: the server name is looked up. */
export function sniFilters(context: ProxyContext, visible: VisiblePort): Filter[] {
  if (!context.captured || visible.port.protocol !== 'tls' || !isLookedUp(context, visible)) return [];
  const config = { port_value: visible.port.number, dns_cache_config: DNS_CACHE };
  return [
    {
      name: 'envoy.filters.network.sni_dynamic_forward_proxy',
      typed_config: any(EXTENSION.sniDynamicForwardProxy, config),
    },
  ];
}

/** A cluster whose host is the one that a request names. */
export function lookedUp(): Partial<Cluster> {
  return {
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.dynamic_forward_proxy',
      typed_config: any(EXTENSION.dynamicForwardProxyCluster, {
        dns_cache_config: DNS_CACHE,
        // Envoy would have us check names of certificates; these connections are plain.
        allow_insecure_cluster_options: true,
      }),
    },
  };
}

/** For the clusters of such hosts; requests to others pass it. */
export function outsideFilters(context: ProxyContext): HttpFilter[] {
  const wanted = (!context.captured && !context.registryOnly) || context.ports.some((one) => isLookedUp(context, one));
  return wanted ? [outsideFilter()] : [];
}

function outsideFilter(): HttpFilter {
  return {
    name: 'envoy.filters.http.dynamic_forward_proxy',
    typed_config: any(EXTENSION.dynamicForwardProxyFilter, { dns_cache_config: DNS_CACHE }),
  };
}

/** Every other host, for plain requests and for CONNECT. */
export function outsideHosts(cluster: string): VirtualHost {
  const timeout = duration(0);
  return {
    name: 'allow_any',
    domains: ['*'],
    routes: [
      {
        name: 'allow_any',
        match: { connect_matcher: {} },
        route: {
          cluster,
          timeout,
          idle_timeout: timeout,
          upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
        },
      },
      {
        name: 'allow_any',
        match: { prefix: '/' },
        route: { cluster, timeout, max_grpc_timeout: timeout },
      },
    ],
    include_request_attempt_count: true,
  };
}
