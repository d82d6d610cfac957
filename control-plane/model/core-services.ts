import { isIPv6 } from 'node:net';
import { serviceHost } from '../api/hosts.js';
import type { ServiceSpec } from '../api/kinds/core.js';
import type { ConfigObject } from '../api/object.js';
import { hostEndpoint } from './host-endpoint.js';
import type { MeshSettings } from './mesh-settings.js';
import { objectName } from './order.js';
import { coreProtocol, type Endpoint, type Service, type ServicePort } from './service.js';
import type { SliceEndpoints } from './slice-endpoints.js';
import type { Distribution } from './traffic-distribution.js';
import { exportedTo } from './visibility.js';
import type { WorkloadIndex } from './workload-index.js';
import { workloadKey } from './workloads.js';

type CoreService = ConfigObject<ServiceSpec>;

/** What the endpoints of a service are found in. */
export interface Surroundings {
  readonly slices: SliceEndpoints;
  readonly workloads: WorkloadIndex;
  readonly settings: MeshSettings;
  readonly distribution: Distribution;
}

/** Kubernetes Services, with their endpoints. */
export function coreServices(objects: readonly CoreService[], around: Surroundings): Service[] {
  const services = objects.map((object) => coreService(object, around));
  const byHost = new Map(services.map((service) => [service.host, service]));
  return services.map((service, i) => aliasOf(service, byHost.get(aliasedHost(objects[i]) ?? '')));
}

/** One of them; a name for another is not resolved. */
export function coreService(object: CoreService, around: Surroundings): Service {
  const { metadata, spec } = object;
  const external = spec.type === 'ExternalName' && spec.externalName !== undefined;
  return {
    host: serviceHost(metadata.name, metadata.namespace),
    namespace: metadata.namespace,
    name: metadata.name,
    ports: corePorts(spec),
    automaticAddresses: [],
    addresses: clusterAddresses(spec),
    headless: spec.clusterIP === 'None',
    resolution: external ? 'dns' : 'static',
    external,
    exportTo: exportedTo(annotatedExportTo(metadata.annotations), metadata.namespace, around.settings.serviceExportTo),
    subjectAltNames: [],
    endpoints: external ? [hostEndpoint(spec.externalName ?? '', metadata.namespace)] : coreEndpoints(object, around),
    ...around.distribution(metadata, spec.trafficDistribution),
    object: objectName(object),
    creationTimestamp: metadata.creationTimestamp,
  };
}

function corePorts(spec: ServiceSpec): ServicePort[] {
  return (spec.ports ?? [])
    .filter((port) => (port.protocol ?? 'TCP') === 'TCP')
    .map((port) => ({
      name: port.name ?? '',
      number: port.port,
      target: port.targetPort ?? port.port,
      protocol: coreProtocol(port.appProtocol, port.name ?? '', port.port),
    }));
}

/** The host for which a Service is only another name, be it known or not. */
export function aliasedHost(object: CoreService | undefined): string | undefined {
  const { type, externalName } = object?.spec ?? {};
  return type === 'ExternalName' ? externalName?.toLowerCase().replace(/\.$/, '') : undefined;
}

/** A name for another service of the cluster: it leads to the same endpoints, whatever its own ports say. */
export function aliasOf(service: Service, known: Service | undefined): Service {
  if (known === undefined || known.external) return service;
  const { ports, resolution, external, headless, endpoints, subjectAltNames } = known;
  return { ...service, ports, resolution, external, headless, endpoints, subjectAltNames };
}

/**
 * Where a Service is served: as its EndpointSlices say; before there are any, by the pods that it selects. Pods that it
 * selects and that take no requests (not ready yet, about to end) are known to serve it all the same.
 */
function coreEndpoints(object: CoreService, around: Surroundings): Endpoint[] {
  const { spec } = object;
  const sliced = around.slices.of(object, isIPv6(spec.clusterIP ?? '') || spec.ipFamilies?.[0] === 'IPv6');
  const located = selectedBy(object, around).map((endpoint) => withPorts(endpoint, object));
  if (sliced === undefined) return located;
  const known = new Set(sliced.map(({ workload }) => workloadKey(workload)));
  const others = located
    .filter(({ workload }) => !known.has(workloadKey(workload)))
    .map((endpoint) =>
      endpoint.workload.pod === undefined ? endpoint : { ...endpoint, health: 'unhealthy' as const },
    );
  return [...sliced, ...others];
}

function selectedBy({ metadata, spec }: CoreService, { workloads }: Surroundings): Endpoint[] {
  const selector = spec.selector ?? {};
  return Object.keys(selector).length === 0 ? [] : workloads.select(metadata.namespace, selector);
}

/** An endpoint of a selected workload, as the endpoint controller would see it. */
function withPorts(endpoint: Endpoint, { metadata, spec }: CoreService): Endpoint {
  const { pod, ports: named } = endpoint.workload;
  if (pod === undefined) return endpoint;
  const ports = new Map<string, number>();
  for (const { name = '', port, targetPort = port } of spec.ports ?? []) {
    const number = typeof targetPort === 'string' ? named.get(targetPort) : targetPort;
    if (number !== undefined) ports.set(name, number);
  }
  const health = spec.publishNotReadyAddresses === true ? 'healthy' : endpoint.health;
  const hostname = pod.subdomain === metadata.name ? pod.hostname : undefined;
  return { ...endpoint, ports, health, ...(hostname === undefined ? {} : { hostname }) };
}

function clusterAddresses({ clusterIP, clusterIPs }: ServiceSpec): string[] {
  const all = [...(clusterIP === undefined ? [] : [clusterIP]), ...(clusterIPs ?? [])];
  return [...new Set(all)].filter((address) => address !== '' && address !== 'None');
}

function annotatedExportTo(annotations: Readonly<Record<string, string>>): string[] | undefined {
  return annotations['networking.istio.io/exportTo']?.split(',').map((entry) => entry.trim());
}
