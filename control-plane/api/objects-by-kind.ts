import { SortedMap } from '../sorted-map.js';
import type { ConfigObject, ObjectKey } from './object.js';

export type SortedObjects = SortedMap<ObjectKey, ConfigObject>;

const NONE: SortedObjects = SortedMap.from([]);

/** The objects of a set, kind by kind, each in the order of namespaces and names. What is made for the next set shares most with this one. */
export class ObjectsByKind implements ReadonlyMap<ObjectKey, ConfigObject> {
  readonly size: number;

  constructor(readonly kinds: ReadonlyMap<string, SortedObjects>) {
    let size = 0;
    for (const objects of kinds.values()) size += objects.size;
    this.size = size;
  }

  of(kind: string): SortedObjects {
    return this.kinds.get(kind) ?? NONE;
  }

  get(key: ObjectKey): ConfigObject | undefined {
    return this.of(kindIn(key)).get(key);
  }

  has(key: ObjectKey): boolean {
    return this.of(kindIn(key)).has(key);
  }

  *entries(): Generator<[ObjectKey, ConfigObject], undefined> {
    for (const objects of this.kinds.values()) yield* objects.entries();
  }

  *keys(): Generator<ObjectKey, undefined> {
    for (const objects of this.kinds.values()) yield* objects.keys();
  }

  *values(): Generator<ConfigObject, undefined> {
    for (const objects of this.kinds.values()) yield* objects.values();
  }

  [Symbol.iterator](): Generator<[ObjectKey, ConfigObject], undefined> {
    return this.entries();
  }

  forEach(callback: (object: ConfigObject, key: ObjectKey, map: ReadonlyMap<ObjectKey, ConfigObject>) => void): void {
    for (const [key, object] of this.entries()) callback(object, key, this);
  }
}

function kindIn(key: ObjectKey): string {
  return key.slice(0, key.indexOf('/'));
}
