import { isIPv6 } from 'node:net';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import type { Workload } from '../model/service.js';
import { policyFields } from './cluster-policy.js';
import type { ProxyContext } from './context.js';
import { duration, ipAddress } from './messages.js';

/** Ports to which a pod's packets are redirected. */
export const OUTBOUND_PORT = 15_001;
export const INBOUND_PORT = 15_006;

/** Istio's names of the clusters that stand for no service. */
export const PASSTHROUGH_CLUSTER = 'PassthroughCluster';
export const BLACK_HOLE_CLUSTER = 'BlackHoleCluster';
export const INBOUND_PASSTHROUGH_CLUSTER = 'InboundPassthroughCluster';

/** Addresses of the family that a pod lives in. */
export interface Family {
  readonly wildcard: string;
  /** Source of connections to the application, by which packet rules know them from those that are to be captured. */
  readonly inboundSource: string;
  includes(address: string): boolean;
}

const V4: Family = {
  wildcard: '0.0.0.0',
  inboundSource: '127.0.0.6',
  includes: (address) => !isIPv6(address.split('/')[0] ?? ''),
};
const V6: Family = {
  wildcard: '::',
  inboundSource: '::6',
  includes: (address) => isIPv6(address.split('/')[0] ?? ''),
};

export function familyOf(workload: Pick<Workload, 'address'> | undefined): Family {
  return isIPv6(workload?.address ?? '') ? V6 : V4;
}

/** Where unknown destinations go: to where they wanted to, or nowhere. */
export function catchAllCluster({ registryOnly }: Pick<ProxyContext, 'registryOnly'>): string {
  return registryOnly ? BLACK_HOLE_CLUSTER : PASSTHROUGH_CLUSTER;
}

/** Clusters of the listeners that packets are redirected to. */
export function captureClusters(settings: MeshSettings, workload: Workload): Cluster[] {
  return [
    { name: BLACK_HOLE_CLUSTER, type: 'STATIC', connect_timeout: duration(settings.connectTimeoutMs) },
    { name: PASSTHROUGH_CLUSTER, ...originalDestination(settings) },
    { name: INBOUND_PASSTHROUGH_CLUSTER, ...originalDestination(settings), ...inboundSource(workload) },
  ];
}

/** A cluster whose host is wherever the connection was going, and which speaks what it is spoken to. */
export function originalDestination(settings: MeshSettings): Partial<Cluster> {
  return {
    ...policyFields({}, 'auto', 'application', settings),
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
  };
}

/** Under TPROXY the client's own address is the source instead. */
export function inboundSource(workload: Workload): Partial<Cluster> {
  const { sidecar } = workload;
  if (sidecar?.kind === 'capture' && sidecar.interception === 'TPROXY') return {};
  return { upstream_bind_config: { source_address: sourceAddress(workload) } };
}

function sourceAddress(workload: Workload): { address: string; port_value: number } {
  return ipAddress(familyOf(workload).inboundSource, 0).socket_address as { address: string; port_value: number };
}
