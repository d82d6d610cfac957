import { isIPv6 } from 'node:net';
import { BLACK_HOLE_CLUSTER } from '../../common/xds/names.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { CapturingSidecar } from '../model/allotment.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import { policyFields } from './cluster-policy.js';
import type { ProxyContext } from './context.js';
import { duration, ipAddress } from './messages.js';

/** Ports to which a pod's packets are redirected. */
export const OUTBOUND_PORT = 15_001;
export const INBOUND_PORT = 15_006;

/** Istio's names of the clusters that stand for no service. */
export const PASSTHROUGH_CLUSTER = 'PassthroughCluster';
export { BLACK_HOLE_CLUSTER };
export const INBOUND_PASSTHROUGH_CLUSTER = 'InboundPassthroughCluster';

/** The address families of a pod; the first is that of its main address. */
export interface Families {
  readonly wildcard: string;
  /** The other family's, in a pod that has both. */
  readonly otherWildcard: string | undefined;
  /** Sources of connections to the application, by which packet rules know them from those that are to be captured. */
  readonly inboundSources: readonly string[];
  includes(address: string): boolean;
}

interface Family {
  readonly wildcard: string;
  readonly source: string;
}

const V4: Family = { wildcard: '0.0.0.0', source: '127.0.0.6' };
const V6: Family = { wildcard: '::', source: '::6' };

export function familiesOf({ addresses }: Pick<ProxyContext, 'addresses'>): Families {
  const found = [...new Set(addresses.map(familyOf))];
  const [first = V4, other] = found;
  return {
    wildcard: first.wildcard,
    otherWildcard: other?.wildcard,
    inboundSources: [first, ...(other === undefined ? [] : [other])].map(({ source }) => source),
    includes: (address) => found.length === 0 || found.includes(familyOf(address.split('/')[0] ?? '')),
  };
}

function familyOf(address: string): Family {
  return isIPv6(address) ? V6 : V4;
}

/** Where a listener for every address of a port listens. */
export function everywhere(families: Families, port: number): Pick<Listener, 'address' | 'additional_addresses'> {
  const { wildcard, otherWildcard } = families;
  return {
    address: ipAddress(wildcard, port),
    ...(otherWildcard !== undefined && { additional_addresses: [{ address: ipAddress(otherWildcard, port) }] }),
  };
}

/** Where unknown destinations go: to where they wanted to, or nowhere. */
export function catchAllCluster({
  registryOnly,
  egressProxy,
}: Pick<ProxyContext, 'registryOnly' | 'egressProxy'>): string {
  return registryOnly ? BLACK_HOLE_CLUSTER : (egressProxy ?? PASSTHROUGH_CLUSTER);
}

/** Clusters of the listeners that packets are redirected to. */
export function captureClusters(context: ProxyContext, sidecar: CapturingSidecar): Cluster[] {
  const { settings } = context.snapshot;
  return [
    { name: BLACK_HOLE_CLUSTER, type: 'STATIC', connect_timeout: duration(settings.connectTimeoutMs) },
    { name: PASSTHROUGH_CLUSTER, ...originalDestination(settings) },
    { name: INBOUND_PASSTHROUGH_CLUSTER, ...originalDestination(settings), ...inboundSource(context, sidecar) },
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

/** Whether the application sees the client's own address: under TPROXY, by a data plane that can bind to it. */
export function keepsSource({ node }: ProxyContext, { interception }: CapturingSidecar): boolean {
  return interception === 'TPROXY' && node.dataPlane !== 'weft';
}

export function inboundSource(context: ProxyContext, sidecar: CapturingSidecar): Partial<Cluster> {
  if (keepsSource(context, sidecar)) return {};
  const [first, ...others] = familiesOf(context).inboundSources.map((address) => ({ address, port_value: 0 }));
  if (first === undefined) return {};
  return {
    upstream_bind_config: {
      source_address: first,
      ...(others.length > 0 && { extra_source_addresses: others.map((address) => ({ address })) }),
    },
  };
}
