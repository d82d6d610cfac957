import { selectorMatches } from '../api/labels.js';
import { firstNot, push } from '../lists.js';
import { type Difference, SortedMap } from '../sorted-map.js';
import type { Endpoint, Workload } from './service.js';
import { workloadKey } from './workloads.js';

type Selector = Readonly<Record<string, string>>;
/** Sorted by the workloads' keys. */
type Lists = SortedMap<string, readonly Workload[]>;

/** Workloads by what they are looked for; immutable. */
export class WorkloadIndex {
  private constructor(
    private readonly byPair: Lists,
    private readonly byNamespace: Lists,
    private readonly byAddress: Lists,
  ) {}

  static of(workloads: ReadonlyMap<string, Workload>): WorkloadIndex {
    const gather = (keysOf: (workload: Workload) => readonly string[]): Lists => {
      const lists = new Map<string, Workload[]>();
      for (const workload of workloads.values()) for (const key of keysOf(workload)) push(lists, key, workload);
      return SortedMap.from(lists);
    };
    return new WorkloadIndex(
      gather(pairsOf),
      gather(({ namespace }) => [namespace]),
      gather(addressesOf),
    );
  }

  with(changes: readonly Difference<string, Workload>[]): WorkloadIndex {
    let { byPair, byNamespace, byAddress } = this;
    for (const { before, after } of changes) {
      byPair = replaced(byPair, before, after, pairsOf);
      byNamespace = replaced(byNamespace, before, after, ({ namespace }) => [namespace]);
      byAddress = replaced(byAddress, before, after, addressesOf);
    }
    return new WorkloadIndex(byPair, byNamespace, byAddress);
  }

  /** Without going through all of them: by the rarest label pair of the selector. */
  select(namespace: string, selector: Selector): Endpoint[] {
    let candidates: readonly Workload[] = this.byNamespace.get(namespace) ?? [];
    for (const [key, value] of Object.entries(selector)) {
      const list = this.byPair.get(pairKey(namespace, key, value)) ?? [];
      if (list.length < candidates.length) candidates = list;
    }
    return candidates
      .filter((workload) => selectorMatches(selector, workload.labels))
      .map((workload) => ({
        workload,
        weight: workload.weight,
        health: workload.pod?.ready === false ? 'unhealthy' : 'healthy',
      }));
  }

  /** The pod that has an address of its own. */
  at(address: string): Workload | undefined {
    return this.byAddress.get(address)?.at(-1);
  }
}

/** Label pairs by which a workload is found in its namespace. */
export function pairsOf({ namespace, labels }: Pick<Workload, 'namespace' | 'labels'>): string[] {
  return Object.entries(labels).map(([key, value]) => pairKey(namespace, key, value));
}

export function pairKey(namespace: string, key: string, value: string): string {
  return `${namespace}\n${key}\n${value}`;
}

/** Addresses that lead to this pod alone. */
export function addressesOf({ pod }: Workload): readonly string[] {
  return pod === undefined || pod.hostNetwork ? [] : pod.addresses;
}

function replaced(
  lists: Lists,
  before: Workload | undefined,
  after: Workload | undefined,
  keysOf: (workload: Workload) => readonly string[],
): Lists {
  let result = lists;
  const was = before === undefined ? [] : keysOf(before);
  const is = after === undefined ? [] : keysOf(after);
  for (const key of new Set([...was, ...is])) {
    const list = (result.get(key) ?? []).slice();
    const at = before === undefined ? -1 : list.indexOf(before);
    if (at >= 0) list.splice(at, 1);
    if (after !== undefined && is.includes(key)) {
      const own = workloadKey(after);
      list.splice(
        firstNot(list, (other) => workloadKey(other) < own),
        0,
        after,
      );
    }
    result = result.changed(key, list.length === 0 ? undefined : list);
  }
  return result;
}
