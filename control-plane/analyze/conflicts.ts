import { objectTitle } from '../api/finding.js';
import { resolveHost } from '../api/hosts.js';
import type { DestinationRuleSpec } from '../api/kinds/destination-rule.js';
import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';
import { AnalysisCode } from './codes.js';
import { hostCovers, isExported, type Registry } from './registry.js';
import type { Reporter } from './reporter.js';

/** Objects that want the same host. */
export function checkConflicts(registry: Registry, report: Reporter): void {
  checkMeshHosts(registry, report);
  checkRules(registry, report);
  checkSplits(registry, report);
}

export function titleOf(object: ConfigObject): string {
  return objectTitle(object.kind, object.metadata.namespace, object.metadata.name);
}

/** The older object counts, or the first by name. */
export function byPrecedence(a: ConfigObject, b: ConfigObject): number {
  const key = ({ metadata }: ConfigObject): string =>
    `${metadata.creationTimestamp}/${metadata.namespace}/${metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}

function checkMeshHosts(registry: Registry, report: Reporter): void {
  const owners = new Map<string, ConfigObject<VirtualServiceSpec>[]>();
  for (const object of [...registry.all('VirtualService')].sort(byPrecedence)) {
    if (!forSidecars(object)) continue;
    for (const [i, written] of (object.spec.hosts ?? []).entries()) {
      const host = resolveHost(written, object.metadata.namespace);
      const others = owners.get(host) ?? [];
      const rival = others.find((other) => other !== object && bothSeen(other, object));
      if (rival !== undefined) {
        report.error(
          object,
          AnalysisCode.conflictingMeshHosts,
          `spec.hosts[${i}]`,
          `${titleOf(rival)} routes ${host} already and is older, or first by name, so this one has no effect: put the routes into one VirtualService`,
        );
      }
      owners.set(host, [...others, object]);
    }
  }
}

/** Whether sidecars act on it. */
function forSidecars({ spec: { gateways } }: ConfigObject<VirtualServiceSpec>): boolean {
  return gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
}

/** Whether some namespace sees both. */
function bothSeen(a: ConfigObject<VirtualServiceSpec>, b: ConfigObject<VirtualServiceSpec>): boolean {
  const seen = (object: ConfigObject<VirtualServiceSpec>): readonly string[] => {
    const exportTo = object.spec.exportTo ?? [];
    return exportTo.length === 0 ? ['*'] : exportTo.map((entry) => (entry === '.' ? object.metadata.namespace : entry));
  };
  const [left, right] = [seen(a), seen(b)];
  return left.some((entry) => entry === '*' || right.includes(entry)) || right.includes('*');
}

function checkRules(registry: Registry, report: Reporter): void {
  const owners = new Map<string, ConfigObject<DestinationRuleSpec>>();
  for (const object of [...registry.all('DestinationRule')].sort(byPrecedence)) {
    const { namespace } = object.metadata;
    // Rules for some clients only stand beside the general one.
    const key = JSON.stringify([
      namespace,
      resolveHost(object.spec.host, namespace),
      object.spec.workloadSelector?.matchLabels,
      [...(object.spec.exportTo ?? [])].sort(),
    ]);
    const first = owners.get(key);
    if (first === undefined) {
      owners.set(key, object);
      continue;
    }
    const known = new Set(first.spec.subsets?.map(({ name }) => name));
    for (const [i, { name }] of (object.spec.subsets ?? []).entries()) {
      if (!known.has(name)) continue;
      report.warning(
        object,
        AnalysisCode.conflictingRules,
        `spec.subsets[${i}]`,
        `${titleOf(first)} defines the subset "${name}" of this host already, which counts`,
      );
    }
    if (first.spec.trafficPolicy !== undefined && object.spec.trafficPolicy !== undefined) {
      report.warning(
        object,
        AnalysisCode.conflictingRules,
        'spec.trafficPolicy',
        `${titleOf(first)} has a trafficPolicy for this host already, which counts`,
      );
    }
  }
}

/** A VirtualService comes before a TrafficSplit, and the oldest split of a host before the others. */
function checkSplits(registry: Registry, report: Reporter): void {
  const routing = registry.all('VirtualService').filter(forSidecars);
  const owners = new Map<string, ConfigObject>();
  for (const split of [...registry.all('TrafficSplit')].sort(byPrecedence)) {
    const { namespace } = split.metadata;
    const host = resolveHost(split.spec.service, namespace);
    const rival = routing.find((object) => routes(object, host, namespace));
    const older = owners.get(host);
    if (rival !== undefined) {
      report.warning(
        split,
        AnalysisCode.splitOverridden,
        'spec.service',
        `${titleOf(rival)} routes ${host} too, and a VirtualService comes before a TrafficSplit: keep one of them`,
      );
    } else if (older !== undefined) {
      report.warning(
        split,
        AnalysisCode.conflictingRules,
        'spec.service',
        `${titleOf(older)} splits ${host} already, which counts`,
      );
    }
    if (older === undefined) owners.set(host, split);
  }
}

function routes(object: ConfigObject<VirtualServiceSpec>, host: string, client: string): boolean {
  const { metadata, spec } = object;
  if (!isExported(spec.exportTo ?? [], metadata.namespace, client)) return false;
  return (spec.hosts ?? []).some((written) => hostCovers(resolveHost(written, metadata.namespace), host));
}
