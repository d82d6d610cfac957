import type { ServiceSpec } from '../../api/kinds/core.js';
import { objectsOfKind } from '../../api/kinds/index.js';
import type { ServiceEntrySpec } from '../../api/kinds/service-entry.js';
import type { WorkloadEntrySpec } from '../../api/kinds/workload-entry.js';
import { selectorMatches, workloadLabels } from '../../api/labels.js';
import type { ConfigObject } from '../../api/object.js';
import type { ConfigSet } from '../source.js';

type Entry = ConfigObject<WorkloadEntrySpec>;
type Services = {
  readonly services: readonly ConfigObject<ServiceSpec>[];
  readonly serviceEntries: readonly ConfigObject<ServiceEntrySpec>[];
};

/** A workload that gets a sidecar, with every port that its application may be reached at. */
export interface SidecarWorkload {
  /** `namespace/name`. */
  readonly key: string;
  readonly address: string;
  readonly ports: readonly number[];
  /** Set for one that is itself a gateway: it has no application. */
  readonly gateway?: boolean;
}

/** As pods say it; a gateway's ports are those of the Gateways that select it. */
const TEMPLATES = 'inject.istio.io/templates';
const INJECT = 'sidecar.istio.io/inject';

/** Workloads that get a sidecar: all with an IP address or host name that do not refuse one. */
export function sidecarWorkloads(set: ConfigSet): SidecarWorkload[] {
  const among: Services = {
    services: objectsOfKind(set.objects, 'Service'),
    serviceEntries: objectsOfKind(set.objects, 'ServiceEntry'),
  };
  return objectsOfKind(set.objects, 'WorkloadEntry')
    .filter(hasSidecar)
    .map((entry) => ({
      key: `${entry.metadata.namespace}/${entry.metadata.name}`,
      address: entry.spec.address ?? '',
      ...(isGateway(entry) ? { ports: [], gateway: true } : { ports: applicationPorts(entry, among) }),
    }));
}

/** Whether a workload is a gateway: its annotation `inject.istio.io/templates` names the template `gateway`. */
export function isGateway({ metadata }: Pick<Entry, 'metadata'>): boolean {
  return metadata.annotations[TEMPLATES]?.split(',').some((name) => name.trim() === 'gateway') === true;
}

function hasSidecar(entry: Entry): boolean {
  const address = entry.spec.address ?? '';
  if (address === '' || address.startsWith('unix://')) return false;
  const refused = workloadLabels(entry)[INJECT] === 'false' || entry.metadata.annotations[INJECT] === 'false';
  return !refused;
}

/** Its own ports, and those at which the services that select it want to reach it. Ascending, each once. */
function applicationPorts(entry: Entry, { services, serviceEntries }: Services): number[] {
  const own = entry.spec.ports ?? {};
  const labels = workloadLabels(entry);
  const inNamespace = ({ metadata }: ConfigObject): boolean => metadata.namespace === entry.metadata.namespace;
  const selects = (selector: Readonly<Record<string, string>> | undefined): boolean =>
    selector !== undefined && Object.keys(selector).length > 0 && selectorMatches(selector, labels);
  const ports = new Set(Object.values(own));
  for (const { spec } of serviceEntries.filter(inNamespace)) {
    if (!selects(spec.workloadSelector?.labels)) continue;
    for (const port of spec.ports ?? []) ports.add(own[port.name] ?? port.targetPort ?? port.number);
  }
  for (const { spec } of services.filter(inNamespace)) {
    if (!selects(spec.selector)) continue;
    for (const { name, port, targetPort } of spec.ports ?? []) {
      const named = typeof targetPort === 'string' ? own[targetPort] : targetPort;
      ports.add((name === undefined ? undefined : own[name]) ?? named ?? port);
    }
  }
  return [...ports].sort((a, b) => a - b);
}

/** Every port at which some application listens by the configuration: not to be given to a sidecar. */
export function claimedPorts(set: ConfigSet): Set<number> {
  return new Set(objectsOfKind(set.objects, 'WorkloadEntry').flatMap(({ spec }) => Object.values(spec.ports ?? {})));
}
