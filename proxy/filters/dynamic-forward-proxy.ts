import type { FilterConfig__Output } from '../../proto/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/FilterConfig.js';
import { FLAG } from '../http/flags.js';
import type { LocalReply } from '../http/stream.js';
import type { Clusters, OutsideFailure } from '../upstream/cluster.js';
import type { HttpFilterFactory } from './factory.js';

const REPLIES: Readonly<Record<OutsideFailure, LocalReply>> = {
  unresolved: { status: 503, body: 'DNS resolution failure', details: 'dns_resolution_failure', flags: FLAG.DF },
  overflow: { status: 503, body: 'DNS cache overflow', details: 'dns_cache_overflow', flags: 0 },
  'own-listener': { status: 503, body: 'the host is this proxy itself', details: 'forward_proxy_loop', flags: 0 },
};

/**
 * Filter envoy.filters.http.dynamic_forward_proxy: before a request goes to a cluster of that type, the host that its
 * authority names is looked up. The cluster keeps what is found.
 */
export function dynamicForwardProxyFactory(clusters: Clusters): HttpFilterFactory {
  return {
    compile(message: FilterConfig__Output, place, issues) {
      if (message.dns_cache_config === undefined) issues.at('dns_cache_config').error('is required');
      issues.refuse(message, ['save_upstream_address']);
      return {
        name: place.name,
        onRequest(context) {
          const action = context.route()?.action;
          if (action?.kind !== 'forward' || action.clusterName === undefined) return undefined;
          const outside = clusters.get(action.clusterName)?.outside;
          const wait = outside?.prepare(context.request.authority);
          return wait?.then((failure) => (failure === undefined ? undefined : REPLIES[failure]));
        },
      };
    },
  };
}
