import type { Kind, KindSpecs } from '../api/kinds/index.js';
import { type ConfigObject, type ObjectKey, objectKey } from '../api/object.js';
import { ObjectsByKind, type SortedObjects } from '../api/objects-by-kind.js';
import { type Difference, SortedMap } from '../sorted-map.js';
import { areSame } from './continuity.js';

const NONE: readonly ConfigObject[] = [];
const NOTHING: SortedObjects = SortedMap.from([]);
/** Of lists that did not come with one. */
const sorted = new WeakMap<readonly ConfigObject[], SortedObjects>();

/**
 * The objects of a set by kind. A list of which nothing has changed since `previous` is the same list, so that whoever keeps something
 * by it need not look at its objects.
 */
export class KindLists {
  readonly lists: ReadonlyMap<string, readonly ConfigObject[] | SortedObjects>;

  constructor(objects: ReadonlyMap<string, ConfigObject>, previous?: KindLists) {
    this.lists = objects instanceof ObjectsByKind ? filled(objects.kinds) : listed(objects, previous);
  }

  /** In the set's order. Relies on validation having given every kind its spec. */
  of<K extends Kind>(kind: K): readonly ConfigObject<KindSpecs[K]>[] {
    const list = this.lists.get(kind) ?? NONE;
    return (list instanceof SortedMap ? list.list : list) as readonly ConfigObject<KindSpecs[K]>[];
  }

  /** By key, in the order of keys. */
  sorted<K extends Kind>(kind: K): SortedMap<ObjectKey, ConfigObject<KindSpecs[K]>> {
    const list = this.lists.get(kind) ?? NOTHING;
    return (list instanceof SortedMap ? list : sortedOf(list)) as SortedMap<ObjectKey, ConfigObject<KindSpecs[K]>>;
  }

  /** What has changed of a kind. */
  since<K extends Kind>(before: KindLists, kind: K): Difference<ObjectKey, ConfigObject<KindSpecs[K]>>[] {
    return this.same(before, kind) ? [] : this.sorted(kind).since(before.sorted(kind));
  }

  /** Whether nothing has changed of a kind. */
  same(other: KindLists, kind: string): boolean {
    return this.lists.get(kind) === other.lists.get(kind);
  }

  /** Whether nothing has changed but objects of these kinds. */
  sameBut(other: KindLists, kinds: ReadonlySet<string>): boolean {
    for (const kind of new Set([...this.lists.keys(), ...other.lists.keys()])) {
      if (!kinds.has(kind) && !this.same(other, kind)) return false;
    }
    return true;
  }
}

function filled(kinds: ReadonlyMap<string, SortedObjects>): ReadonlyMap<string, SortedObjects> {
  return new Map([...kinds].filter(([, objects]) => objects.size > 0));
}

function listed(
  objects: ReadonlyMap<string, ConfigObject>,
  previous: KindLists | undefined,
): ReadonlyMap<string, readonly ConfigObject[] | SortedObjects> {
  const found = new Map<string, ConfigObject[]>();
  for (const object of objects.values()) {
    const list = found.get(object.kind);
    if (list === undefined) found.set(object.kind, [object]);
    else list.push(object);
  }
  return new Map(
    [...found].map(([kind, list]) => {
      const before = previous?.lists.get(kind);
      return [kind, Array.isArray(before) && areSame(before, list) ? before : list] as const;
    }),
  );
}

function sortedOf(list: readonly ConfigObject[]): SortedObjects {
  let map = sorted.get(list);
  if (map === undefined) {
    map = SortedMap.from(
      list.map((object) => {
        const { kind, metadata } = object;
        return [objectKey(kind, metadata.namespace, metadata.name), object] as const;
      }),
    );
    sorted.set(list, map);
  }
  return map;
}
