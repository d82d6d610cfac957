import type { Kind, KindSpecs } from '../api/kinds/index.js';
import type { ConfigObject } from '../api/object.js';
import { areSame } from './continuity.js';

const NONE: readonly ConfigObject[] = [];

/**
 * The objects of a set by kind, found in one pass. A list of which nothing has changed since `previous` is the same list, so
 * that whoever keeps something by it need not look at its objects.
 */
export class KindLists {
  private readonly lists = new Map<string, readonly ConfigObject[]>();

  constructor(objects: ReadonlyMap<string, ConfigObject>, previous?: KindLists) {
    const found = new Map<string, ConfigObject[]>();
    for (const object of objects.values()) {
      const list = found.get(object.kind);
      if (list === undefined) found.set(object.kind, [object]);
      else list.push(object);
    }
    for (const [kind, list] of found) {
      const before = previous?.lists.get(kind);
      this.lists.set(kind, before !== undefined && areSame(before, list) ? before : list);
    }
  }

  /** In the set's order. Relies on validation having given every kind its spec. */
  of<K extends Kind>(kind: K): readonly ConfigObject<KindSpecs[K]>[] {
    return (this.lists.get(kind) ?? NONE) as readonly ConfigObject<KindSpecs[K]>[];
  }

  /** Whether nothing has changed but objects of these kinds. */
  sameBut(other: KindLists, kinds: ReadonlySet<string>): boolean {
    for (const kind of new Set([...this.lists.keys(), ...other.lists.keys()])) {
      if (!kinds.has(kind) && this.lists.get(kind) !== other.lists.get(kind)) return false;
    }
    return true;
  }
}
