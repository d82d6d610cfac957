import { resolveHost, serviceHost } from '../api/hosts.js';
import type { DestinationRuleSpec } from '../api/kinds/destination-rule.js';
import type { Destination } from '../api/kinds/shared.js';
import type { HttpRoute, VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import { AnalysisCode } from './codes.js';
import { hostCovers, isExported, type KnownService, type Registry } from './registry.js';
import type { Reporter } from './reporter.js';

/** Names of hosts, subsets, ports and gateways that lead nowhere. */
export function checkReferences(registry: Registry, report: Reporter): void {
  const subsets = subsetsByHost(registry);
  for (const object of registry.all('VirtualService')) {
    checkGateways(object, registry, report);
    for (const { destination, path } of destinationsOf(object.spec)) {
      checkDestination(object, destination, path, registry, subsets, report);
    }
  }
  for (const object of registry.all('DestinationRule')) checkRule(object, registry, report);
  for (const object of registry.all('TrafficSplit')) {
    const { namespace } = object.metadata;
    for (const [i, { service }] of object.spec.backends.entries()) {
      checkHost(object, service, `spec.backends[${i}].service`, registry, report);
    }
    if (registry.service(resolveHost(object.spec.service, namespace)) === undefined) {
      checkHost(object, object.spec.service, 'spec.service', registry, report);
    }
  }
}

interface PlacedDestination {
  readonly destination: Destination;
  readonly path: string;
}

function destinationsOf(spec: VirtualServiceSpec): PlacedDestination[] {
  const found = (spec.http ?? []).flatMap((route, i) => httpDestinations(route, `spec.http[${i}]`));
  for (const kind of ['tls', 'tcp'] as const) {
    for (const [i, route] of (spec[kind] ?? []).entries()) {
      for (const [j, { destination }] of (route.route ?? []).entries()) {
        found.push({ destination, path: `spec.${kind}[${i}].route[${j}].destination` });
      }
    }
  }
  return found;
}

function httpDestinations(route: HttpRoute, path: string): PlacedDestination[] {
  const found = (route.route ?? []).map(({ destination }, i) => ({
    destination,
    path: `${path}.route[${i}].destination`,
  }));
  if (route.mirror !== undefined) found.push({ destination: route.mirror, path: `${path}.mirror` });
  for (const [i, { destination }] of (route.mirrors ?? []).entries()) {
    found.push({ destination, path: `${path}.mirrors[${i}].destination` });
  }
  return found;
}

function checkHost(
  object: ConfigObject,
  written: string,
  field: string,
  registry: Registry,
  report: Reporter,
): KnownService | undefined {
  const { namespace } = object.metadata;
  const host = resolveHost(written, namespace);
  const service = registry.service(host);
  if (service === undefined) {
    const hint = shortNameHint(written, registry);
    report.error(
      object,
      AnalysisCode.referenceNotFound,
      field,
      `no Service or ServiceEntry has the host ${host}${hint}; requests for it fail with 503`,
    );
  } else if (!isExported(service.exportTo, service.namespace, namespace)) {
    report.error(
      object,
      AnalysisCode.referenceNotFound,
      field,
      `host ${host} is not exported to namespace ${namespace}: add it to the exportTo of its service`,
    );
    return undefined;
  }
  return service;
}

/** `reviews.prod` is a full name to Istio; most who write it mean the service of that namespace. */
function shortNameHint(written: string, registry: Registry): string {
  const [name = '', namespace = '', ...rest] = written.split('.');
  if (namespace === '' || (rest.length > 0 && rest.join('.') !== 'svc')) return '';
  const full = serviceHost(name, namespace);
  return registry.service(full) === undefined ? '' : ` (did you mean ${full}?)`;
}

function checkDestination(
  object: ConfigObject,
  destination: Destination,
  path: string,
  registry: Registry,
  subsets: Subsets,
  report: Reporter,
): void {
  const service = checkHost(object, destination.host, `${path}.host`, registry, report);
  if (service === undefined) return;
  const { subset, port } = destination;
  const host = resolveHost(destination.host, object.metadata.namespace);
  if (subset !== undefined && subset !== '' && !hasSubset(subsets, host, subset)) {
    report.error(
      object,
      AnalysisCode.referenceNotFound,
      `${path}.subset`,
      `no DestinationRule of ${host} has the subset "${subset}"; requests for it fail with 503`,
    );
  }
  if (port?.number !== undefined && service.ports.length > 0 && !service.ports.includes(port.number)) {
    report.error(
      object,
      AnalysisCode.referenceNotFound,
      `${path}.port`,
      `${host} has no port ${port.number}, only ${service.ports.join(', ')}`,
    );
  }
  if (port?.number === undefined && service.ports.length > 1) {
    report.error(
      object,
      AnalysisCode.portRequired,
      path,
      `${host} has several ports (${service.ports.join(', ')}): say which one, with port.number`,
    );
  }
}

/** Names of subsets by the host, or the wildcard, of their rules. */
interface Subsets {
  readonly byHost: ReadonlyMap<string, ReadonlySet<string>>;
  readonly wildcards: readonly (readonly [pattern: string, names: ReadonlySet<string>])[];
}

function hasSubset({ byHost, wildcards }: Subsets, host: string, subset: string): boolean {
  if (byHost.get(host)?.has(subset) === true) return true;
  return wildcards.some(([pattern, names]) => hostCovers(pattern, host) && names.has(subset));
}

function subsetsByHost(registry: Registry): Subsets {
  const subsets = new Map<string, Set<string>>();
  for (const { spec, metadata } of registry.all('DestinationRule')) {
    const host = resolveHost(spec.host, metadata.namespace);
    const names = subsets.get(host) ?? new Set<string>();
    for (const { name } of spec.subsets ?? []) names.add(name);
    subsets.set(host, names);
  }
  return { byHost: subsets, wildcards: [...subsets].filter(([host]) => host.startsWith('*')) };
}

function checkRule(object: ConfigObject<DestinationRuleSpec>, registry: Registry, report: Reporter): void {
  const host = resolveHost(object.spec.host, object.metadata.namespace);
  if (!registry.matchesService(host)) {
    report.warning(
      object,
      AnalysisCode.unknownRuleHost,
      'spec.host',
      `no Service or ServiceEntry has the host ${host}; the rule has no effect`,
    );
    return;
  }
  const workloads = host.startsWith('*') ? undefined : registry.service(host)?.workloads;
  if (workloads === undefined || workloads.length === 0) return;
  for (const [i, subset] of (object.spec.subsets ?? []).entries()) {
    if (workloads.some((labels) => selectorMatches(subset.labels, labels))) continue;
    report.error(
      object,
      AnalysisCode.subsetSelectsNothing,
      `spec.subsets[${i}].labels`,
      `subset "${subset.name}" selects none of the workloads of ${host}; requests for it fail with 503`,
    );
  }
}

function checkGateways(object: ConfigObject<VirtualServiceSpec>, registry: Registry, report: Reporter): void {
  const { namespace } = object.metadata;
  for (const [i, written] of (object.spec.gateways ?? []).entries()) {
    if (written === 'mesh') continue;
    const [name, owner] = written.includes('/') ? [written.split('/')[1], written.split('/')[0]] : [written, namespace];
    const gateway = registry
      .all('Gateway')
      .find(({ metadata }) => metadata.name === name && metadata.namespace === owner);
    const field = `spec.gateways[${i}]`;
    if (gateway === undefined) {
      report.error(object, AnalysisCode.referenceNotFound, field, `there is no Gateway ${owner}/${name}`);
      continue;
    }
    const served = (gateway.spec.servers ?? []).flatMap(({ hosts }) =>
      hosts.map((host) => host.replace(/^[^/]*\//, '')),
    );
    const all = (object.spec.hosts ?? []).map((host) => resolveHost(host, namespace));
    for (const host of all) {
      if (served.some((pattern) => hostCovers(pattern, host) || hostCovers(host, pattern))) continue;
      report.warning(
        object,
        AnalysisCode.hostNotInGateway,
        field,
        `Gateway ${owner}/${name} has no server for ${host}: add the host to it, or take it out here`,
      );
    }
  }
}
