import { selectorMatches } from '../api/labels.js';
import type { Endpoint, Workload } from './service.js';

export type Select = (namespace: string, selector: Readonly<Record<string, string>>) => Endpoint[];

const known = new WeakMap<ReadonlyMap<string, Workload>, Select>();

/** Finds workloads by labels without going through all of them: by the rarest label pair of the selector. Made once a map. */
export function workloadSelector(workloads: ReadonlyMap<string, Workload>): Select {
  let select = known.get(workloads);
  if (select === undefined) {
    select = makeSelector(workloads.values());
    known.set(workloads, select);
  }
  return select;
}

function makeSelector(workloads: Iterable<Workload>): Select {
  const byPair = new Map<string, Workload[]>();
  const byNamespace = new Map<string, Workload[]>();
  for (const workload of workloads) {
    push(byNamespace, workload.namespace, workload);
    for (const [key, value] of Object.entries(workload.labels)) {
      push(byPair, pairKey(workload.namespace, key, value), workload);
    }
  }
  return (namespace, selector) => {
    let candidates: readonly Workload[] = byNamespace.get(namespace) ?? [];
    for (const [key, value] of Object.entries(selector)) {
      const list = byPair.get(pairKey(namespace, key, value)) ?? [];
      if (list.length < candidates.length) candidates = list;
    }
    return candidates
      .filter((workload) => selectorMatches(selector, workload.labels))
      .map((workload) => ({
        workload,
        weight: workload.weight,
        health: workload.pod?.ready === false ? 'unhealthy' : 'healthy',
      }));
  };
}

function pairKey(namespace: string, key: string, value: string): string {
  return `${namespace}\n${key}\n${value}`;
}

function push(map: Map<string, Workload[]>, key: string, workload: Workload): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [workload]);
  else list.push(workload);
}
