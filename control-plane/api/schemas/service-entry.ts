import type { ServiceEntrySpec, ServicePort } from '../kinds/service-entry.js';
import { object, required } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { enumOf, port, string } from '../schema/scalars.js';
import { list, refine, type Schema } from '../schema/schema.js';
import { exportTo, host, labelsSelector, texts } from './shared.js';
import { workloadEntry } from './workload-entry.js';

const servicePort: Schema<ServicePort> = object<ServicePort>({
  number: required(port),
  protocol: string({ max: 256 }),
  name: required(string({ min: 1, max: 256 })),
  targetPort: port,
});

const serviceHost = refine(host, (value, path, report) => {
  if (value === '*') report.error(path, 'must not be "*" alone: name the hosts, or a domain as "*.example.com"');
});

/** ServiceEntry (networking.istio.io). */
export const serviceEntry: Schema<ServiceEntrySpec> = object<ServiceEntrySpec>(
  {
    hosts: required(list(serviceHost, { min: 1, max: 256 })),
    addresses: list(string({ max: 64 }), { max: 256 }),
    ports: refine(list(servicePort, { max: 256 }), checkPorts),
    location: enumOf('MESH_EXTERNAL', 'MESH_INTERNAL'),
    resolution: enumOf('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
    endpoints: list(workloadEntry, { max: 4_096 }),
    workloadSelector: labelsSelector,
    exportTo,
    subjectAltNames: texts,
  },
  { atMostOne: [['endpoints', 'workloadSelector']], check: checkResolution },
);

function checkPorts(ports: readonly ServicePort[], path: string, report: Report): void {
  const numbers = new Set<number>();
  const names = new Set<string>();
  for (const [index, entry] of ports.entries()) {
    if (numbers.has(entry.number)) report.error(childPath(path, index), `port ${entry.number} is there already`);
    if (names.has(entry.name)) report.error(childPath(path, index), `port name "${entry.name}" is there already`);
    numbers.add(entry.number);
    names.add(entry.name);
  }
}

function checkResolution(spec: ServiceEntrySpec, path: string, report: Report): void {
  const resolution = spec.resolution ?? 'NONE';
  const at = childPath(path, 'resolution');
  if (resolution === 'NONE' && spec.endpoints !== undefined) {
    report.error(at, 'must not be NONE (the default) with endpoints; STATIC takes addresses, DNS takes host names');
  }
  if (resolution === 'DNS_ROUND_ROBIN' && (spec.endpoints?.length ?? 0) > 1) {
    report.error(at, 'DNS_ROUND_ROBIN takes one endpoint at most');
  }
  if (resolution !== 'NONE' && resolution !== 'STATIC' && spec.addresses?.some((address) => address.includes('/'))) {
    report.error(childPath(path, 'addresses'), 'address ranges need resolution NONE or STATIC');
  }
}
