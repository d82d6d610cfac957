import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import { applicationPort, type Protocol, protocolOf, type Service, type Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { workloadKey } from '../model/workloads.js';
import { struct } from './messages.js';

/** What the services say about a workload's ports. */
export function portProtocols(snapshot: MeshSnapshot, workload: Workload): Map<number, Protocol> {
  const found = new Map<number, Protocol>();
  for (const { service, endpoint } of snapshot.servicesOf.get(workloadKey(workload)) ?? []) {
    for (const port of service.ports) {
      const application = applicationPort(port, endpoint);
      if (application !== undefined && !found.has(application)) found.set(application, port.protocol);
    }
  }
  return found;
}

/** The same, with ports that no service names: there the port's own name speaks. */
export function allPortProtocols(snapshot: MeshSnapshot, workload: Workload): Map<number, Protocol> {
  const found = portProtocols(snapshot, workload);
  for (const [name, port] of workload.ports) if (!found.has(port)) found.set(port, protocolOf(undefined, name, port));
  return found;
}

/** The services that a port of the application stands for, by which the sidecar's metrics name their destination. */
export function servicesMetadata(
  snapshot: MeshSnapshot,
  workload: Workload,
  application: number,
): Pick<Cluster, 'metadata'> {
  const services = servicesAt(snapshot, workload, application).map(({ host, name, namespace }) => ({
    host,
    name,
    namespace,
  }));
  return services.length === 0 ? {} : { metadata: { filter_metadata: { istio: struct({ services }) } } };
}

/** The services that a port of the application serves. */
export function servicesAt(snapshot: MeshSnapshot, workload: Workload, application: number): Service[] {
  return (snapshot.servicesOf.get(workloadKey(workload)) ?? [])
    .filter(({ service, endpoint }) => service.ports.some((port) => applicationPort(port, endpoint) === application))
    .map(({ service }) => service);
}
