import { captures } from '../model/allotment.js';
import type { Client, HostRule } from '../model/destination-rules.js';
import type { ProxyNode } from '../model/proxy-node.js';
import type { Service, ServicePort, Workload } from '../model/service.js';
import type { SidecarRule } from '../model/sidecars.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { isVisible } from '../model/visibility.js';
import type { LocalClient } from './locality.js';

/** A port of a service as one proxy sees it. */
export interface VisiblePort {
  readonly service: Service;
  readonly port: ServicePort;
}

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
  /** Destinations that the mesh does not know are out of reach (outboundTrafficPolicy REGISTRY_ONLY). */
  readonly registryOnly: boolean;
  /** One entry per host and port. */
  readonly ports: readonly VisiblePort[];
  readonly byHost: ReadonlyMap<string, readonly VisiblePort[]>;
  rule(service: Service): HostRule | undefined;
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
  const byHost = visiblePorts(snapshot, node.namespace);
  const rules = new Map<Service, HostRule | undefined>();
  return {
    snapshot,
    node,
    workload,
    client,
    addresses: node.addresses ?? (workload === undefined ? [] : (workload.pod?.addresses ?? [workload.address])),
    captured: node.role === 'sidecar' && captures(workload?.sidecar),
    sidecar,
    registryOnly: policy === undefined ? snapshot.settings.registryOnly : policy === 'REGISTRY_ONLY',
    ports: [...byHost.values()].flat(),
    byHost,
    rule(service) {
      if (!rules.has(service)) rules.set(service, snapshot.destinationRules.find(service, client));
      return rules.get(service);
    },
  };
}

/** Where two services claim one host and port, the client's own namespace goes first, then the snapshot's order. */
function visiblePorts(snapshot: MeshSnapshot, namespace: string): Map<string, VisiblePort[]> {
  const byHost = new Map<string, VisiblePort[]>();
  const add = (service: Service): void => {
    const list = byHost.get(service.host) ?? [];
    for (const port of service.ports) {
      if (!list.some((known) => known.port.number === port.number)) list.push({ service, port });
    }
    byHost.set(service.host, list);
  };
  const visible = snapshot.services.filter((service) => isVisible(service.exportTo, namespace));
  // Seeds the order by host before the client's own services are put first within each.
  for (const service of visible) byHost.set(service.host, []);
  for (const service of visible) if (service.namespace === namespace) add(service);
  for (const service of visible) if (service.namespace !== namespace) add(service);
  return byHost;
}
