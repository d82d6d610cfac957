import { RE2JS } from 're2js';
import { decodeEnvoyValue, PATCHED_TYPE } from '../api/envoy-value.js';
import type { ApplyTo, ConfigMatch, ConfigPatch, EnvoyFilterSpec, PatchOperation } from '../api/kinds/envoy-filter.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import { byAge } from './order.js';
import type { ProxyNode } from './proxy-node.js';

/** A patch that can be carried out. */
export interface EnvoyPatch {
  readonly applyTo: ApplyTo;
  readonly operation: PatchOperation;
  readonly match: ConfigMatch;
  /** The type of `value`, and of what it is merged with. */
  readonly typeUrl: string;
  /** Undefined for REMOVE. */
  readonly value: object | undefined;
}

/** The patches for a proxy, in the order in which they are carried out; the same object for all proxies with the same ones. */
export interface PatchSet {
  readonly role: ProxyNode['role'];
  readonly patches: ReadonlyMap<ApplyTo, readonly EnvoyPatch[]>;
}

interface Filter {
  readonly namespace: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly patches: readonly EnvoyPatch[];
}

const decoded = new WeakMap<ConfigPatch, EnvoyPatch | 'unusable'>();

/** All EnvoyFilters: by priority, then the root namespace's, then the oldest. Patches that cannot be carried out are not here. */
export class EnvoyFilters {
  readonly #rootNamespace: string;
  readonly #filters: readonly Filter[];
  readonly #sets = new Map<string, PatchSet>();

  constructor(objects: readonly ConfigObject<EnvoyFilterSpec>[], rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
    const rank = ({ metadata }: ConfigObject): number => (metadata.namespace === rootNamespace ? 0 : 1);
    this.#filters = objects
      .filter(({ spec }) => (spec.targetRefs ?? []).length === 0)
      .sort((a, b) => (a.spec.priority ?? 0) - (b.spec.priority ?? 0) || rank(a) - rank(b) || byAge(a, b))
      .map(({ metadata, spec }) => ({
        namespace: metadata.namespace,
        selector: spec.workloadSelector?.labels ?? {},
        patches: (spec.configPatches ?? []).map(usable).filter((patch) => patch !== undefined),
      }));
  }

  /** Undefined when there is nothing to patch. */
  find(node: ProxyNode, labels: Readonly<Record<string, string>>): PatchSet | undefined {
    if (this.#filters.length === 0) return undefined;
    const chosen: number[] = [];
    const patches: EnvoyPatch[] = [];
    let number = 0;
    for (const filter of this.#filters) {
      const selected = this.#selects(filter, node, labels);
      for (const patch of filter.patches) {
        number++;
        if (!selected || !isFor(patch.match, node)) continue;
        chosen.push(number);
        patches.push(patch);
      }
    }
    if (patches.length === 0) return undefined;
    const key = `${node.role} ${chosen}`;
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const set = { role: node.role, patches: grouped(patches) };
    this.#sets.set(key, set);
    return set;
  }

  #selects({ namespace, selector }: Filter, node: ProxyNode, labels: Readonly<Record<string, string>>): boolean {
    if (namespace !== node.namespace && namespace !== this.#rootNamespace) return false;
    return selectorMatches(selector, labels);
  }
}

function grouped(patches: readonly EnvoyPatch[]): Map<ApplyTo, EnvoyPatch[]> {
  const groups = new Map<ApplyTo, EnvoyPatch[]>();
  for (const patch of patches) {
    const group = groups.get(patch.applyTo);
    if (group === undefined) groups.set(patch.applyTo, [patch]);
    else group.push(patch);
  }
  return groups;
}

/** Whether what a match says about the proxy itself holds. */
function isFor({ context = 'ANY', proxy, waypoint, routeConfiguration }: ConfigMatch, node: ProxyNode): boolean {
  if (waypoint !== undefined || context === 'WAYPOINT') return false;
  // What cannot be looked at must not match more than it says.
  if ((routeConfiguration?.portName ?? '') !== '' || (routeConfiguration?.gateway ?? '') !== '') return false;
  if (context !== 'ANY' && (context === 'GATEWAY') !== (node.role === 'router')) return false;
  const metadata = node.metadata ?? {};
  const version = proxy?.proxyVersion ?? '';
  if (
    version !== '' &&
    !RE2JS.compile(version)
      .matcher(metadata['ISTIO_VERSION'] ?? '')
      .find()
  )
    return false;
  return Object.entries(proxy?.metadata ?? {}).every(([key, value]) => metadata[key] === value);
}

function usable(patch: ConfigPatch): EnvoyPatch | undefined {
  let found = decoded.get(patch);
  if (found === undefined) {
    found = decode(patch) ?? 'unusable';
    decoded.set(patch, found);
  }
  return found === 'unusable' ? undefined : found;
}

function decode({ applyTo, match = {}, patch: { operation, value } }: ConfigPatch): EnvoyPatch | undefined {
  const typeUrl = PATCHED_TYPE[applyTo];
  if (typeUrl === undefined) return undefined;
  if (operation === 'REMOVE') return { applyTo, operation, match, typeUrl, value: undefined };
  const { message, errors } = decodeEnvoyValue(typeUrl, value);
  return errors.length > 0 ? undefined : { applyTo, operation, match, typeUrl, value: message };
}
