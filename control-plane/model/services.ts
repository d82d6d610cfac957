import type { ServiceSpec } from '../api/kinds/core.js';
import type { ServiceEntrySpec } from '../api/kinds/service-entry.js';
import type { ConfigObject } from '../api/object.js';
import { withAutomaticAddresses } from './automatic-addresses.js';
import { coreServices, type Surroundings } from './core-services.js';
import { hostEndpoint } from './host-endpoint.js';
import { compare, objectName } from './order.js';
import { type Endpoint, protocolOf, type Resolution, type Service, type ServicePort } from './service.js';
import { exportedTo } from './visibility.js';
import type { WorkloadIndex } from './workload-index.js';
import { entryWorkload } from './workloads.js';

const NO_ALLOTMENTS = new Map<string, never>();

/** What describes services. */
export interface ServiceObjects {
  readonly core: readonly ConfigObject<ServiceSpec>[];
  readonly entries: readonly ConfigObject<ServiceEntrySpec>[];
}

/** Services from Kubernetes Services and ServiceEntries, by host; a Kubernetes Service comes before a ServiceEntry of its host. */
export function buildServices({ core, entries }: ServiceObjects, around: Surroundings): Service[] {
  const services = [...coreServices(core, around), ...entries.flatMap((object) => entryServices(object, around))];
  // A stable sort: within one host and namespace the order above holds.
  return withAutomaticAddresses(services, optedOut(entries)).sort(inOrder);
}

/** The order of a snapshot's services. */
export function inOrder(a: Service, b: Service): number {
  return (
    compare(a.host, b.host) ||
    compare(a.namespace, b.namespace) ||
    Number(a.object.startsWith('ServiceEntry')) - Number(b.object.startsWith('ServiceEntry')) ||
    compare(a.creationTimestamp, b.creationTimestamp) ||
    compare(a.object, b.object)
  );
}

/** Entries that want no automatic addresses (Istio's label). */
function optedOut(entries: readonly ConfigObject<ServiceEntrySpec>[]): ReadonlySet<string> {
  const out = entries.filter(
    ({ metadata }) => metadata.labels['networking.istio.io/enable-autoallocate-ip'] === 'false',
  );
  return new Set(out.map(objectName));
}

const RESOLUTIONS: Readonly<Record<string, Resolution>> = {
  STATIC: 'static',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'dns',
};

/** One for each host; addresses of the mesh's own choice are given later. */
export function entryServices(
  object: ConfigObject<ServiceEntrySpec>,
  { workloads, settings, distribution }: Surroundings,
): Service[] {
  const { metadata, spec } = object;
  const ports: ServicePort[] = (spec.ports ?? []).map((port) => ({
    name: port.name,
    number: port.number,
    target: port.targetPort ?? port.number,
    protocol: protocolOf(port.protocol, port.name, port.number),
  }));
  const resolution = RESOLUTIONS[spec.resolution ?? 'NONE'] ?? 'none';
  return spec.hosts.map((host) => ({
    host,
    namespace: metadata.namespace,
    name: serviceName(host),
    ports,
    addresses: spec.addresses ?? [],
    automaticAddresses: [],
    headless: false,
    resolution,
    external: spec.location !== 'MESH_INTERNAL',
    exportTo: exportedTo(spec.exportTo, metadata.namespace, settings.serviceExportTo),
    subjectAltNames: spec.subjectAltNames ?? [],
    endpoints: entryEndpoints(object, host, resolution, workloads),
    ...distribution(metadata, undefined),
    object: objectName(object),
    creationTimestamp: metadata.creationTimestamp,
  }));
}

function entryEndpoints(
  { metadata, spec }: ConfigObject<ServiceEntrySpec>,
  host: string,
  resolution: Resolution,
  workloads: WorkloadIndex,
): Endpoint[] {
  if (spec.workloadSelector !== undefined)
    return workloads.select(metadata.namespace, spec.workloadSelector.labels ?? {});
  const written = (spec.endpoints ?? []).map((endpoint, i) => {
    const workload = entryWorkload(metadata.namespace, `${metadata.name}-${i}`, endpoint, {}, NO_ALLOTMENTS, false);
    return { workload, weight: workload.weight, health: 'healthy' as const };
  });
  if (written.length > 0 || resolution === 'static' || host.includes('*')) return written;
  // Nothing else is known about where it is: its own name says it.
  return [hostEndpoint(host, metadata.namespace)];
}

/** What Istio's metrics call the service: the first label of a cluster-local name, else the host. */
function serviceName(host: string): string {
  return /^([^.]+)\.[^.]+\.svc\./.exec(host)?.[1] ?? host;
}
