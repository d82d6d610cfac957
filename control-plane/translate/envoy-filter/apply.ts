import { type ResourceTypeUrl, TYPE } from '../../../common/xds/type-urls.js';
import type { Cluster } from '../../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { Listener } from '../../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { RouteConfiguration } from '../../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { PatchSet } from '../../model/envoy-filters.js';
import type { ProxyResources } from '../../xds/resources.js';
import type { ProxyContext } from '../context.js';
import { servicesAt } from '../inbound-ports.js';
import { added, addedClusters, patchCluster } from './clusters.js';
import { patchListener } from './listeners.js';
import { contextOf, type Patching } from './place.js';
import { patchRoutes } from './routes.js';

/** What a proxy is to have, after the EnvoyFilters for it. Resources that proxies share stay shared. */
export function withEnvoyFilters(context: ProxyContext, resources: ProxyResources): ProxyResources {
  const { snapshot, node, client } = context;
  const set = node.dataPlane === 'grpc' ? undefined : snapshot.envoyFilters.find(node, client.labels);
  if (set === undefined) return resources;
  const patching = patchingOf(context, set);
  const patched = new Map<ResourceTypeUrl, ReadonlyMap<string, object>>(resources);
  const patch = <T extends object>(
    type: ResourceTypeUrl,
    change: (item: T) => T | undefined,
    more: readonly T[],
  ): void => {
    patched.set(type, patchAll(set, (resources.get(type) ?? new Map()) as ReadonlyMap<string, T>, change, more));
  };
  patch<Cluster>(TYPE.cluster, (cluster) => patchCluster(patching, cluster), addedClusters(patching));
  patch<Listener>(TYPE.listener, (listener) => patchListener(patching, listener), added(patching, 'LISTENER'));
  const routes = contextOf(patching, false);
  patch<RouteConfiguration>(TYPE.route, (table) => patchRoutes(patching, routes, table), []);
  return patched;
}

function patchingOf({ snapshot, workload }: ProxyContext, set: PatchSet): Patching {
  const { sidecar } = workload ?? {};
  const ports = sidecar?.kind === 'ports' ? sidecar : undefined;
  const applications = new Map(
    [...(ports?.inbound ?? [])].map(([application, entrance]) => [`${ports?.address}_${entrance}`, application]),
  );
  return {
    set,
    applicationPort: (listener) => applications.get(listener),
    servedAt: (port) => (workload === undefined ? [] : servicesAt(snapshot, workload, port).map(({ host }) => host)),
  };
}

const done = new WeakMap<PatchSet, WeakMap<object, object>>();
const REMOVED: object = {};

function patchAll<T extends object>(
  set: PatchSet,
  resources: ReadonlyMap<string, T>,
  change: (item: T) => T | undefined,
  more: readonly T[],
): Map<string, T> {
  const known = done.get(set) ?? new WeakMap<object, object>();
  done.set(set, known);
  const patched = new Map<string, T>();
  for (const [name, item] of resources) {
    let result = known.get(item);
    if (result === undefined) {
      result = change(item) ?? REMOVED;
      known.set(item, result);
    }
    // What is kept under an item was made from it.
    if (result !== REMOVED) patched.set(name, result as T);
  }
  for (const item of more) {
    const name = (item as { readonly name?: string }).name ?? '';
    if (!patched.has(name)) patched.set(name, item);
  }
  return patched;
}
