import type { ConfigObject } from '../api/object.js';
import type { Difference } from '../sorted-map.js';

/** Which labels pods have in which namespaces, and how many have the same. */
export class PodKinds {
  private readonly counts = new Map<string, number>();

  constructor(pods: readonly ConfigObject[]) {
    for (const pod of pods) this.count(kindOf(pod), 1);
  }

  /** Whether there are pods of the same kinds after these changes, however many of each. */
  takesAsSame(changes: readonly Difference<string, ConfigObject>[]): boolean {
    const had = new Map<string, boolean>();
    for (const { before, after } of changes) {
      for (const pod of [before, after]) {
        const kind = pod === undefined ? undefined : kindOf(pod);
        if (kind === undefined) continue;
        if (!had.has(kind)) had.set(kind, this.counts.has(kind));
        this.count(kind, pod === before ? -1 : 1);
      }
    }
    return [...had].every(([kind, was]) => was === this.counts.has(kind));
  }

  private count(kind: string, more: number): void {
    const count = (this.counts.get(kind) ?? 0) + more;
    if (count > 0) this.counts.set(kind, count);
    else this.counts.delete(kind);
  }
}

function kindOf({ metadata: { namespace, labels } }: ConfigObject): string {
  return JSON.stringify([namespace, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
