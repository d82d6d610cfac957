import type { EndpointSliceSpec, NamespaceSpec, NodeSpec, ServiceSpec } from '../api/kinds/core.js';
import type { ServiceEntrySpec } from '../api/kinds/service-entry.js';
import type { ConfigObject } from '../api/object.js';
import { withAutomaticAddresses } from './automatic-addresses.js';
import { coreServices } from './core-services.js';
import { hostEndpoint } from './host-endpoint.js';
import type { MeshSettings } from './mesh-settings.js';
import { compare, objectName } from './order.js';
import {
  type Endpoint,
  protocolOf,
  type Resolution,
  type Service,
  type ServicePort,
  type Workload,
} from './service.js';
import { type Distribution, distributions } from './traffic-distribution.js';
import { exportedTo } from './visibility.js';
import { type Select, workloadSelector } from './workload-selector.js';
import { entryWorkload } from './workloads.js';

const NO_ALLOTMENTS = new Map<string, never>();

/** What describes services. */
export interface ServiceObjects {
  readonly core: readonly ConfigObject<ServiceSpec>[];
  readonly slices: readonly ConfigObject<EndpointSliceSpec>[];
  readonly entries: readonly ConfigObject<ServiceEntrySpec>[];
  readonly namespaces: readonly ConfigObject<NamespaceSpec>[];
  readonly nodes: readonly ConfigObject<NodeSpec>[];
}

/**
 * Services from Kubernetes Services and ServiceEntries, by host; a Kubernetes Service comes before a ServiceEntry of its host.
 * `apart`: the same object for as long as everything but pods, slices and nodes is the same.
 */
export function buildServices(
  objects: ServiceObjects,
  workloads: ReadonlyMap<string, Workload>,
  settings: MeshSettings,
  apart?: object,
): Service[] {
  const select = workloadSelector(workloads);
  const distribution = distributions(objects.namespaces);
  const services = [
    ...coreServices(objects, { workloads, select, settings, distribution, ...(apart !== undefined && { apart }) }),
    ...objects.entries.flatMap((object) => entryServices(object, select, settings, distribution)),
  ];
  // A stable sort: within one host and namespace the order above holds.
  return withAutomaticAddresses(services, optedOut(objects.entries)).sort(
    (a, b) =>
      compare(a.host, b.host) ||
      compare(a.namespace, b.namespace) ||
      Number(a.object.startsWith('ServiceEntry')) - Number(b.object.startsWith('ServiceEntry')) ||
      compare(a.creationTimestamp, b.creationTimestamp) ||
      compare(a.object, b.object),
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

function entryServices(
  object: ConfigObject<ServiceEntrySpec>,
  select: Select,
  settings: MeshSettings,
  distribution: Distribution,
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
    endpoints: entryEndpoints(object, host, resolution, select),
    ...distribution(metadata, undefined),
    object: objectName(object),
    creationTimestamp: metadata.creationTimestamp,
  }));
}

function entryEndpoints(
  { metadata, spec }: ConfigObject<ServiceEntrySpec>,
  host: string,
  resolution: Resolution,
  select: Select,
): Endpoint[] {
  if (spec.workloadSelector !== undefined) return select(metadata.namespace, spec.workloadSelector.labels ?? {});
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
