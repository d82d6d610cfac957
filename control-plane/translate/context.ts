import { formatClusterName } from '../../common/xds/names.js';
import { resolveHost } from '../api/hosts.js';
import { captures } from '../model/allotment.js';
import type { Client, HostRule } from '../model/destination-rules.js';
import { type GatewayTopology, topologyOf } from '../model/proxy-config.js';
import type { ProxyNode } from '../model/proxy-node.js';
import type { Service, Workload } from '../model/service.js';
import type { SidecarRule } from '../model/sidecars.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { LocalClient } from './locality.js';
import { type ClientVirtualServices, type Scope, scopeOf, type VisiblePort } from './scope.js';

export type { VisiblePort };

/** What translation for one proxy works on. */
export interface ProxyContext {
  readonly snapshot: MeshSnapshot;
  readonly node: ProxyNode;
  /** Undefined for a client that no object describes (a proxyless one, say). */
  readonly workload: Workload | undefined;
  readonly client: Client & LocalClient;
  /** Its IP addresses, the main one first. */
  readonly addresses: readonly string[];
  /** Its packets are captured, so that the destination of every connection is known. */
  readonly captured: boolean;
  /** The Sidecar object in force. */
  readonly sidecar: SidecarRule | undefined;
  /** Of which other networks are told. */
  readonly network: string;
  /** How clients from outside come to it, where it is a gateway. */
  readonly topology: GatewayTopology;
  /** Destinations that the mesh does not know are out of reach (outboundTrafficPolicy REGISTRY_ONLY). */
  readonly registryOnly: boolean;
  /** The cluster that gets them where they are allowed (outboundTrafficPolicy.egressProxy); undefined for a direct way. */
  readonly egressProxy: string | undefined;
  /** What applications can call: one entry per host and port. */
  readonly ports: readonly VisiblePort[];
  /** The same, and with it where routes of those may lead. */
  readonly byHost: ReadonlyMap<string, readonly VisiblePort[]>;
  /** Those that this client acts on. */
  readonly virtualServices: ClientVirtualServices;
  rule(service: Service): HostRule | undefined;
}

/** A proxy that is not there gets nothing to do, as a cluster that nobody has: requests fail rather than find a way around it. */
function egressProxyCluster(
  sidecar: SidecarRule | undefined,
  namespace: string,
  { byHost }: Scope,
): string | undefined {
  const destination = sidecar?.spec.outboundTrafficPolicy?.egressProxy;
  if (destination === undefined) return undefined;
  const host = resolveHost(destination.host, namespace);
  const ports = byHost.get(host) ?? [];
  const port = destination.port?.number ?? ports[0]?.port.number ?? 0;
  return formatClusterName({ direction: 'outbound', port, subset: destination.subset ?? '', host });
}

export function proxyContext(snapshot: MeshSnapshot, node: ProxyNode): ProxyContext {
  const workload = snapshot.workloads.get(`${node.namespace}/${node.workload}`);
  const client = {
    namespace: node.namespace,
    labels: workload?.labels ?? node.labels,
    locality: workload?.locality || (node.locality ?? ''),
  };
  const sidecar = node.role === 'sidecar' ? snapshot.sidecars.find(client) : undefined;
  const policy = sidecar?.spec.outboundTrafficPolicy?.mode;
  const captured = node.role === 'sidecar' && captures(workload?.sidecar);
  const scope = scopeOf(snapshot, node.namespace, sidecar, captured);
  const rules = new Map<Service, HostRule | undefined>();
  return {
    snapshot,
    node,
    workload,
    client,
    addresses: node.addresses ?? (workload === undefined ? [] : (workload.pod?.addresses ?? [workload.address])),
    captured,
    sidecar,
    network: workload === undefined ? (node.metadata?.['NETWORK'] ?? '') : snapshot.networks.of(workload),
    topology: topologyOf(snapshot.settings, workload?.proxyConfig),
    registryOnly: policy === undefined ? snapshot.settings.registryOnly : policy === 'REGISTRY_ONLY',
    egressProxy: egressProxyCluster(sidecar, node.namespace, scope),
    byHost: scope.byHost,
    virtualServices: scope.virtualServices,
    get ports() {
      return scope.ports;
    },
    rule(service) {
      if (!rules.has(service)) rules.set(service, snapshot.destinationRules.find(service, client));
      return rules.get(service);
    },
  };
}
