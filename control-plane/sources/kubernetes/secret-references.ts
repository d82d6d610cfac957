import type { DestinationRuleSpec, TrafficPolicy } from '../../api/kinds/destination-rule.js';
import type { GatewaySpec } from '../../api/kinds/gateway.js';
import { objectsOfKind } from '../../api/kinds/index.js';
import { selectorMatches } from '../../api/labels.js';
import type { ConfigObject } from '../../api/object.js';
import { KindLists } from '../../model/kind-lists.js';

type Objects = ReadonlyMap<string, ConfigObject>;

const NAME = /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;
/** Istio's suffix of a Secret that holds only the certificates to verify clients with. */
const CA_SUFFIX = '-cacert';

/** The Secrets that a source's sets refer to, one set after the other. */
export class SecretReferences {
  private last: { readonly lists: KindLists; readonly found: ReadonlySet<string> } | undefined;

  /** The same as {@link referredSecrets}, which is asked only when something has changed that it looks at. */
  of(objects: Objects, rootNamespace: string): ReadonlySet<string> {
    const lists = new KindLists(objects, this.last?.lists);
    const { last } = this;
    const known = last !== undefined && this.saysTheSame(lists, last.lists);
    this.last = { lists, found: known ? last.found : referredSecrets(objects, rootNamespace) };
    return this.last.found;
  }

  private saysTheSame(lists: KindLists, before: KindLists): boolean {
    if (!lists.same(before, 'Gateway') || !lists.same(before, 'DestinationRule')) return false;
    const selectors = lists.of('Gateway').map(({ spec }) => spec.selector ?? {});
    if (selectors.length === 0) return true;
    const concerns = (pod: ConfigObject | undefined): boolean =>
      pod !== undefined && selectors.some((selector) => selectorMatches(selector, pod.metadata.labels));
    return !lists.since(before, 'Pod').some((pod) => concerns(pod.before) || concerns(pod.after));
  }
}

/**
 * The Secrets, as `namespace/name`, that Gateways and DestinationRules refer to. A proxy is given those of its own namespace:
 * for a Gateway that is where the pods run that it selects, not where the object stands.
 */
export function referredSecrets(objects: Objects, rootNamespace: string): Set<string> {
  const references = new Set<string>();
  const add = (namespaces: Iterable<string>, credential: string | undefined): void => {
    const name = secretName(credential);
    if (name === undefined) return;
    for (const namespace of namespaces) {
      references.add(`${namespace}/${name}`);
      if (!name.endsWith(CA_SUFFIX)) references.add(`${namespace}/${name}${CA_SUFFIX}`);
    }
  };
  const gateways = objectsOfKind(objects, 'Gateway');
  const places = gatewayPlaces(gateways, objects, rootNamespace);
  for (const gateway of gateways) {
    const namespaces = places.get(gateway) ?? [];
    for (const name of gatewayCredentials(gateway.spec)) add(namespaces, name);
  }
  const anywhere = [...places.values()].flatMap((namespaces) => [...namespaces]);
  for (const { metadata, spec } of objectsOfKind(objects, 'DestinationRule')) {
    for (const name of ruleCredentials(spec)) add([metadata.namespace, ...anywhere], name);
  }
  return references;
}

function secretName(credential: string | undefined): string | undefined {
  const name = credential?.replace(/^kubernetes:\/\//, '');
  return name !== undefined && NAME.test(name) ? name : undefined;
}

/** Where the pods of each gateway run; its own namespace when none does. */
function gatewayPlaces(
  gateways: readonly ConfigObject<GatewaySpec>[],
  objects: Objects,
  rootNamespace: string,
): Map<ConfigObject<GatewaySpec>, ReadonlySet<string>> {
  if (gateways.length === 0) return new Map();
  const pods = objectsOfKind(objects, 'Pod');
  return new Map(
    gateways.map((gateway) => {
      const { selector = {} } = gateway.spec;
      const namespaces = new Set([gateway.metadata.namespace]);
      // One that selects all pods would have us read Secrets everywhere.
      if (Object.keys(selector).length === 0) return [gateway, namespaces.add(rootNamespace)];
      for (const { metadata } of pods)
        if (selectorMatches(selector, metadata.labels)) namespaces.add(metadata.namespace);
      return [gateway, namespaces];
    }),
  );
}

function gatewayCredentials({ servers = [] }: GatewaySpec): (string | undefined)[] {
  return servers.flatMap(({ tls }) => [
    tls?.credentialName,
    ...(tls?.credentialNames ?? []),
    tls?.caCertCredentialName,
  ]);
}

function ruleCredentials({ trafficPolicy, subsets = [] }: DestinationRuleSpec): (string | undefined)[] {
  const policies = [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)];
  return policies.flatMap((policy: TrafficPolicy | undefined) => [
    policy?.tls?.credentialName,
    ...(policy?.portLevelSettings ?? []).map(({ tls }) => tls?.credentialName),
  ]);
}
