import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { outboundClusters } from './clusters.js';
import type { ProxyContext } from './context.js';
import { outboundRoutes } from './outbound-routes.js';

/** What a proxy has as a client, apart from its own listener. */
export interface ClientResources {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly endpoints: ReadonlyMap<string, ClusterLoadAssignment>;
  readonly routes: RouteConfiguration;
}

interface Classes {
  /** Labels of clients that something in the snapshot asks for. */
  readonly labels: readonly string[];
  readonly made: Map<string, ClientResources>;
}

const known = new WeakMap<MeshSnapshot, Classes>();

/**
 * Clients of one namespace differ only where a DestinationRule or a match selects clients by their labels; all that do
 * not differ get the very same messages, which are then made and encoded once for all of them.
 */
export function clientResources(context: ProxyContext): ClientResources {
  const { snapshot, client, node } = context;
  let classes = known.get(snapshot);
  if (classes === undefined) {
    classes = { labels: labelsAskedFor(snapshot), made: new Map() };
    known.set(snapshot, classes);
  }
  const key = JSON.stringify([
    node.dataPlane,
    client.namespace,
    ...classes.labels.map((label) => client.labels[label] ?? null),
  ]);
  let resources = classes.made.get(key);
  if (resources === undefined) {
    resources = { ...outboundClusters(context), routes: outboundRoutes(context) };
    classes.made.set(key, resources);
  }
  return resources;
}

function labelsAskedFor({ destinationRules, virtualServices }: MeshSnapshot): string[] {
  const labels = new Set<string>();
  const add = (selector: Readonly<Record<string, string>> | undefined): void => {
    for (const label of Object.keys(selector ?? {})) labels.add(label);
  };
  for (const { clients } of destinationRules.all) add(clients);
  for (const { spec } of virtualServices.all) {
    for (const { match } of spec.http ?? []) for (const { sourceLabels } of match ?? []) add(sourceLabels);
  }
  return [...labels].sort();
}
