import { parseClusterName } from '../../../common/xds/names.js';
import type { Cluster } from '../../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { EnvoyPatch } from '../../model/envoy-filters.js';
import { INBOUND_PASSTHROUGH_CLUSTER } from '../capture.js';
import { isMerge, mergedWith } from './operations.js';
import { contextOf, meets, type Patching, patchesFor } from './place.js';

/** A cluster after its patches; undefined when one of them removes it. */
export function patchCluster(patching: Patching, cluster: Cluster): Cluster | undefined {
  const inbound = isInbound(cluster.name ?? '');
  let patched = cluster;
  for (const patch of patchesFor(patching, 'CLUSTER', contextOf(patching, inbound))) {
    if (!clusterMatches(patching, patch, cluster.name ?? '')) continue;
    if (patch.operation === 'REMOVE') return undefined;
    if (isMerge(patch)) patched = mergedWith(patched, patch);
  }
  return patched;
}

/** Clusters that patches add for a proxy. */
export function addedClusters(patching: Patching): Cluster[] {
  return added(patching, 'CLUSTER');
}

/** What patches of this kind add, each once. */
export function added<T extends object>(patching: Patching, applyTo: EnvoyPatch['applyTo']): T[] {
  const contexts = new Set([true, false].map((inbound) => contextOf(patching, inbound)));
  const patches = new Set([...contexts].flatMap((context) => patchesFor(patching, applyTo, context)));
  return [...patches].filter(({ operation }) => operation === 'ADD').map(({ value }) => value as T);
}

function isInbound(name: string): boolean {
  return name.startsWith('inbound|') || name === INBOUND_PASSTHROUGH_CLUSTER;
}

function clusterMatches(patching: Patching, { match }: EnvoyPatch, name: string): boolean {
  const { cluster } = match;
  if (cluster === undefined) return true;
  if ((cluster.name ?? '') !== '') return cluster.name === name;
  if (!cluster.portNumber && !cluster.service && !cluster.subset) return true;
  const parts = parseClusterName(name);
  if (parts === undefined) return false;
  if (!meets(cluster.portNumber, parts.port) || !meets(cluster.subset, parts.subset)) return false;
  if (parts.direction === 'inbound' && parts.host === '') {
    return !cluster.service || patching.servedAt(parts.port).includes(cluster.service);
  }
  return meets(cluster.service, parts.host);
}
