import { isIPv6 } from 'node:net';
import { serviceHost } from '../api/hosts.js';
import type { ServiceSpec } from '../api/kinds/core.js';
import type { ConfigObject } from '../api/object.js';
import { areSame } from './continuity.js';
import { hostEndpoint } from './host-endpoint.js';
import type { MeshSettings } from './mesh-settings.js';
import { objectName } from './order.js';
import { coreProtocol, type Endpoint, type Service, type ServicePort, type Workload } from './service.js';
import type { ServiceObjects } from './services.js';
import { SliceEndpoints } from './slice-endpoints.js';
import type { Distribution } from './traffic-distribution.js';
import { exportedTo } from './visibility.js';
import type { Select } from './workload-selector.js';
import { workloadKey } from './workloads.js';

type CoreService = ConfigObject<ServiceSpec>;

export interface Surroundings {
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly select: Select;
  readonly settings: MeshSettings;
  readonly distribution: Distribution;
  /** The same object for as long as everything but pods, slices and nodes is the same. */
  readonly apart?: object;
}

interface Made {
  readonly apart: object;
  readonly slices: readonly unknown[];
  readonly workloads: readonly unknown[];
  /** Number of the map of all workloads among which these were found. */
  among: number;
  readonly service: Service;
}

/** Objects do not change, so a service stays what it was while its slices and the pods that serve it are the same. */
const known = new WeakMap<CoreService, Made>();

/** Kubernetes Services, with their endpoints. */
export function coreServices(objects: ServiceObjects, around: Surroundings): Service[] {
  const slices = new SliceEndpoints(objects.slices, objects.nodes, around.workloads);
  const services = objects.core.map((object) => knownService(object, slices, around));
  const byHost = new Map(services.map((service) => [service.host, service]));
  return services.map((service, i) => aliasOf(service, objects.core[i]?.spec.externalName, byHost));
}

const numbers = new WeakMap<object, number>();
let counted = 0;

/** Another for each object, which it does not keep alive. */
function numberOf(object: object): number {
  let number = numbers.get(object);
  if (number === undefined) {
    number = ++counted;
    numbers.set(object, number);
  }
  return number;
}

function knownService(object: CoreService, slices: SliceEndpoints, around: Surroundings): Service {
  const { apart } = around;
  const own = slices.slicesOf(object);
  const among = numberOf(around.workloads);
  const before = known.get(object);
  const sameSlices = before !== undefined && before.apart === apart && areSame(before.slices, own);
  if (sameSlices && before.among === among) return before.service;
  const pods = slices.podsOf(object);
  if (apart === undefined || pods === undefined) return coreService(object, slices, around, selectedBy(object, around));
  const selected = selectedBy(object, around);
  const workloads = [...pods, ...selected.map(({ workload }) => workload)];
  if (sameSlices && areSame(before.workloads, workloads)) {
    before.among = among;
    return before.service;
  }
  const service = coreService(object, slices, around, selected);
  known.set(object, { apart, slices: own, workloads, among, service });
  return service;
}

function selectedBy({ metadata, spec }: CoreService, { select }: Surroundings): Endpoint[] {
  const selector = spec.selector ?? {};
  return Object.keys(selector).length === 0 ? [] : select(metadata.namespace, selector);
}

function coreService(
  object: CoreService,
  slices: SliceEndpoints,
  around: Surroundings,
  selected: readonly Endpoint[],
): Service {
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
    endpoints: external
      ? [hostEndpoint(spec.externalName ?? '', metadata.namespace)]
      : coreEndpoints(object, slices, selected),
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

/** A name for another service of the cluster: it leads to the same endpoints, whatever its own ports say. */
function aliasOf(service: Service, target: string | undefined, byHost: ReadonlyMap<string, Service>): Service {
  const known = service.external ? byHost.get((target ?? '').toLowerCase().replace(/\.$/, '')) : undefined;
  if (known === undefined || known.external) return service;
  const { ports, resolution, external, headless, endpoints, subjectAltNames } = known;
  return { ...service, ports, resolution, external, headless, endpoints, subjectAltNames };
}

/**
 * Where a Service is served: as its EndpointSlices say; before there are any, by the pods that it selects. Pods that it
 * selects and that take no requests (not ready yet, about to end) are known to serve it all the same.
 */
function coreEndpoints(object: CoreService, slices: SliceEndpoints, selected: readonly Endpoint[]): Endpoint[] {
  const { spec } = object;
  const sliced = slices.of(object, isIPv6(spec.clusterIP ?? '') || spec.ipFamilies?.[0] === 'IPv6');
  const located = selected.map((endpoint) => withPorts(endpoint, object));
  if (sliced === undefined) return located;
  const known = new Set(sliced.map(({ workload }) => workloadKey(workload)));
  const others = located
    .filter(({ workload }) => !known.has(workloadKey(workload)))
    .map((endpoint) =>
      endpoint.workload.pod === undefined ? endpoint : { ...endpoint, health: 'unhealthy' as const },
    );
  return [...sliced, ...others];
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
