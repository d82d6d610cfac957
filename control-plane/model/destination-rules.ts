import { resolveHost } from '../api/hosts.js';
import type { DestinationRuleSpec, Subset, TrafficPolicy } from '../api/kinds/destination-rule.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import { HostIndex } from './hosts.js';
import type { MeshSettings } from './mesh-settings.js';
import { byAge } from './order.js';
import type { Service } from './service.js';
import { exportedTo, isVisible } from './visibility.js';

/** What all DestinationRules of one namespace say together about one host. */
export interface HostRule {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  readonly exportTo: ReadonlySet<string>;
  /** Only for clients with these labels in the rule's namespace; undefined is every client. */
  readonly clients: Readonly<Record<string, string>> | undefined;
}

export interface Client {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Looks rules up as Istio does: the client's namespace, then the service's, then the root namespace. */
export class DestinationRules {
  readonly #byNamespace = new Map<string, HostIndex<HostRule>>();
  readonly #rootNamespace: string;
  readonly all: readonly HostRule[];

  constructor(objects: readonly ConfigObject<DestinationRuleSpec>[], settings: MeshSettings) {
    this.#rootNamespace = settings.rootNamespace;
    const merged = mergeRules([...objects].sort(byAge), settings);
    this.all = merged;
    for (const namespace of new Set(merged.map((rule) => rule.namespace))) {
      // A rule for some clients only comes before the one for all of them.
      const rules = merged
        .filter((rule) => rule.namespace === namespace)
        .sort((a, b) => Number(b.clients !== undefined) - Number(a.clients !== undefined));
      this.#byNamespace.set(namespace, new HostIndex(rules.map((rule) => [rule.host, rule] as const)));
    }
  }

  find(service: Pick<Service, 'host' | 'namespace'>, client: Client): HostRule | undefined {
    const own = (rule: HostRule): boolean => rule.clients === undefined || selectorMatches(rule.clients, client.labels);
    const exported = (rule: HostRule): boolean =>
      rule.clients === undefined && isVisible(rule.exportTo, client.namespace);
    return (
      (client.namespace === this.#rootNamespace
        ? undefined
        : this.#byNamespace.get(client.namespace)?.find(service.host, own)) ??
      this.#byNamespace.get(service.namespace)?.find(service.host, exported) ??
      this.#byNamespace.get(this.#rootNamespace)?.find(service.host, exported)
    );
  }
}

/** Rules of one namespace and host add up: the oldest trafficPolicy, and all subsets, the older of two with one name. */
function mergeRules(objects: readonly ConfigObject<DestinationRuleSpec>[], settings: MeshSettings): HostRule[] {
  const merged = new Map<string, HostRule>();
  for (const object of objects) {
    const { metadata, spec } = object;
    const host = resolveHost(spec.host, metadata.namespace);
    const exportTo = exportedTo(spec.exportTo, metadata.namespace, settings.destinationRuleExportTo);
    const clients = spec.workloadSelector?.matchLabels;
    const key = JSON.stringify([metadata.namespace, host, [...exportTo].sort(), clients ?? null]);
    const older = merged.get(key);
    if (older === undefined) {
      const { namespace, name } = metadata;
      const subsets = spec.subsets ?? [];
      merged.set(key, { namespace, name, host, trafficPolicy: spec.trafficPolicy, subsets, exportTo, clients });
      continue;
    }
    merged.set(key, addRule(older, object));
  }
  return [...merged.values()];
}

function addRule(older: HostRule, { spec }: ConfigObject<DestinationRuleSpec>): HostRule {
  const known = new Set(older.subsets.map((subset) => subset.name));
  return {
    ...older,
    trafficPolicy: older.trafficPolicy ?? spec.trafficPolicy,
    subsets: [...older.subsets, ...(spec.subsets ?? []).filter(({ name }) => !known.has(name))],
  };
}
