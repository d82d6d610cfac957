import { LOCAL_CLUSTER } from '../../common/xds/names.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import { Layered } from '../layered.js';
import { ownPorts } from '../model/allotment.js';
import type { ProxyNode } from '../model/proxy-node.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ProxyResources } from '../xds/resources.js';
import { clientResources } from './client-class.js';
import { type ProxyContext, proxyContext } from './context.js';
import { withEnvoyFilters } from './envoy-filter/apply.js';
import { gatewayTranslation } from './gateway/translate.js';
import { inboundResources } from './inbound-listeners.js';
import { localAssignment } from './local-cluster.js';
import { outboundListener } from './outbound-listener.js';
import { outsideCluster } from './outside.js';
import { ownResources } from './own-resources.js';
import { secretResources } from './secrets.js';

/**
 * Everything that a sidecar is to have: listeners, routes, clusters and endpoints. Its own certificate comes from its agent,
 * credentials that rules name from here. A node that is no workload with a sidecar gets clusters and routes, and no listener.
 */
export function translate(snapshot: MeshSnapshot, node: ProxyNode): ProxyResources {
  const context = proxyContext(snapshot, node);
  const { clusters, endpoints, routes, credentials, names, listeners: shared } = clientResources(context);
  const listeners = new Map<string, object>();
  const allClusters = new Map<string, object>();
  const hidden = new Set<string>();
  const { workload } = context;
  const ports = ownPorts(workload?.sidecar);
  if (node.role === 'router') return finish(context, gatewayTranslation(context));
  if (workload !== undefined && ports !== undefined) {
    const outbound = outboundListener(context, ports);
    listeners.set(outbound.name ?? '', outbound);
    if (!context.registryOnly) {
      const outside = outsideCluster(snapshot.settings);
      allClusters.set(outside.name ?? '', outside);
    }
    const inbound = inboundResources(context, workload, ports);
    for (const [name, listener] of inbound.listeners) listeners.set(name, listener);
    for (const [name, cluster] of inbound.clusters) allClusters.set(name, cluster);
  }
  if (workload?.sidecar?.kind === 'capture' && node.role === 'sidecar') {
    // What goes to the pod's own address is not captured on its way out.
    for (const name of shared.keys())
      if (context.captured && context.addresses.some((own) => name.startsWith(`${own}_`))) hidden.add(name);
    const virtual = ownResources(context, workload, workload.sidecar);
    for (const [name, listener] of virtual.listeners) listeners.set(name, listener);
    for (const [name, cluster] of virtual.clusters) allClusters.set(name, cluster);
  }
  const resources = new Map<ResourceTypeUrl, ReadonlyMap<string, object>>([
    [TYPE.cluster, new Layered<object>(clusters, allClusters)],
    [TYPE.endpoint, endpoints],
    [TYPE.listener, new Layered<object>(shared, listeners, hidden)],
    [TYPE.route, routes],
    [TYPE.nameTable, names],
    [TYPE.secret, secretResources(snapshot, node.namespace, credentials)],
  ]);
  return finish(context, resources);
}

/** What every kind of proxy gets. */
function finish(context: ProxyContext, resources: ProxyResources): ProxyResources {
  const local = localAssignment(context);
  if (local === undefined) return withEnvoyFilters(context, resources);
  const endpoints = new Map([...(resources.get(TYPE.endpoint) ?? []), [LOCAL_CLUSTER, local] as const]);
  return withEnvoyFilters(context, new Map([...resources, [TYPE.endpoint, endpoints]]));
}
