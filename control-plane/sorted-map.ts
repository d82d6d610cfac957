import { firstNot } from './lists.js';
import { compare } from './model/order.js';

/** A chunk is split when it has more entries, and joined with the next when both together have fewer than half of that. */
const MOST = 128;

interface Chunk<K, V> {
  readonly keys: readonly K[];
  readonly values: readonly V[];
}

/** What became of one key; undefined where it was not, or is no more. */
export interface Difference<K, V> {
  readonly key: K;
  readonly before: V | undefined;
  readonly after: V | undefined;
}

/**
 * An immutable map in the order of its keys. One with other entries shares most of its memory with the one that it was made of, and what
 * differs between the two is found without looking at what they share.
 */
export class SortedMap<K extends string, V> implements ReadonlyMap<K, V> {
  private all: readonly V[] | undefined;

  private constructor(
    private readonly chunks: readonly Chunk<K, V>[],
    readonly size: number,
  ) {}

  /** Of two entries of one key the later counts. */
  static from<K extends string, V>(entries: Iterable<readonly [K, V]>): SortedMap<K, V> {
    const sorted = [...new Map(entries)].sort(([a], [b]) => compare(a, b));
    const chunks: Chunk<K, V>[] = [];
    for (let start = 0; start < sorted.length; start += MOST / 2) {
      const part = sorted.slice(start, start + MOST / 2);
      chunks.push({ keys: part.map(([key]) => key), values: part.map(([, value]) => value) });
    }
    return new SortedMap(chunks, sorted.length);
  }

  get(key: K): V | undefined {
    const chunk = this.chunks[this.chunkOf(key)];
    if (chunk === undefined) return undefined;
    const at = placeOf(chunk.keys, key);
    return chunk.keys[at] === key ? chunk.values[at] : undefined;
  }

  has(key: K): boolean {
    const chunk = this.chunks[this.chunkOf(key)];
    return chunk !== undefined && chunk.keys[placeOf(chunk.keys, key)] === key;
  }

  /** The same map where the key has this value already. */
  with(key: K, value: V): SortedMap<K, V> {
    const index = this.chunkOf(key);
    const chunk = this.chunks[index];
    if (chunk === undefined) return new SortedMap([{ keys: [key], values: [value] }], 1);
    const at = placeOf(chunk.keys, key);
    if (chunk.keys[at] === key) {
      if (chunk.values[at] === value) return this;
      const values = chunk.values.slice();
      values[at] = value;
      return this.replaced(index, 1, [{ keys: chunk.keys, values }], 0);
    }
    const grown = { keys: inserted(chunk.keys, at, key), values: inserted(chunk.values, at, value) };
    return this.replaced(index, 1, grown.keys.length > MOST ? halves(grown) : [grown], 1);
  }

  /** The same map where there is no such key. */
  without(key: K): SortedMap<K, V> {
    const index = this.chunkOf(key);
    const chunk = this.chunks[index];
    const at = chunk === undefined ? 0 : placeOf(chunk.keys, key);
    if (chunk === undefined || chunk.keys[at] !== key) return this;
    const keys = removed(chunk.keys, at);
    const values = removed(chunk.values, at);
    const next = this.chunks[index + 1];
    if (next !== undefined && (keys.length + next.keys.length) * 2 < MOST) {
      const joined = { keys: [...keys, ...next.keys], values: [...values, ...next.values] };
      return this.replaced(index, 2, [joined], -1);
    }
    return this.replaced(index, 1, keys.length === 0 ? [] : [{ keys, values }], -1);
  }

  /** `undefined` takes a key away. */
  changed(key: K, value: V | undefined): SortedMap<K, V> {
    return value === undefined ? this.without(key) : this.with(key, value);
  }

  /** All values as a list, which is always the same one. */
  get list(): readonly V[] {
    this.all ??= this.chunks.flatMap(({ values }) => values);
    return this.all;
  }

  /** From another map to this one, in the order of keys; values are compared by identity. */
  since(before: SortedMap<K, V>): Difference<K, V>[] {
    if (before === this) return [];
    const [old, own] = [before.chunks, this.chunks];
    let start = 0;
    while (start < old.length && start < own.length && old[start] === own[start]) start++;
    let end = 0;
    while (end < old.length - start && end < own.length - start && old.at(-1 - end) === own.at(-1 - end)) end++;
    const was = old.slice(start, old.length - end);
    const is = own.slice(start, own.length - end);
    const shared = new Set(was);
    const kept = new Set(is.filter((chunk) => shared.has(chunk)));
    return differences(
      was.filter((chunk) => !kept.has(chunk)),
      is.filter((chunk) => !kept.has(chunk)),
    );
  }

  *entries(): Generator<[K, V], undefined> {
    for (const { keys, values } of this.chunks) {
      // A value may be undefined, so the keys say how many there are.
      for (const [i, key] of keys.entries()) yield [key, values[i] as V];
    }
  }

  *keys(): Generator<K, undefined> {
    for (const { keys } of this.chunks) yield* keys;
  }

  *values(): Generator<V, undefined> {
    for (const { values } of this.chunks) yield* values;
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  /** The chunk in which a key is, or would be. */
  private chunkOf(key: K): number {
    let [low, high] = [0, this.chunks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.chunks[middle]?.keys[0] ?? '') <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private replaced(index: number, count: number, by: readonly Chunk<K, V>[], more: number): SortedMap<K, V> {
    const chunks = this.chunks.slice();
    chunks.splice(index, count, ...by);
    return new SortedMap(chunks, this.size + more);
  }
}

/** Where a key stands in a sorted list, or would stand. */
function placeOf(keys: readonly string[], key: string): number {
  return firstNot(keys, (other) => other < key);
}

function inserted<T>(list: readonly T[], at: number, item: T): T[] {
  const copy = list.slice();
  copy.splice(at, 0, item);
  return copy;
}

function removed<T>(list: readonly T[], at: number): T[] {
  const copy = list.slice();
  copy.splice(at, 1);
  return copy;
}

function halves<K, V>({ keys, values }: Chunk<K, V>): Chunk<K, V>[] {
  const middle = keys.length >> 1;
  return [
    { keys: keys.slice(0, middle), values: values.slice(0, middle) },
    { keys: keys.slice(middle), values: values.slice(middle) },
  ];
}

function differences<K extends string, V>(was: readonly Chunk<K, V>[], is: readonly Chunk<K, V>[]): Difference<K, V>[] {
  const [oldKeys, oldValues] = [was.flatMap(({ keys }) => keys), was.flatMap(({ values }) => values)];
  const [newKeys, newValues] = [is.flatMap(({ keys }) => keys), is.flatMap(({ values }) => values)];
  const found: Difference<K, V>[] = [];
  let [i, j] = [0, 0];
  while (i < oldKeys.length || j < newKeys.length) {
    const [old, young] = [oldKeys[i], newKeys[j]];
    if (old !== undefined && (young === undefined || old < young)) {
      found.push({ key: old, before: oldValues[i++], after: undefined });
    } else if (young !== undefined && (old === undefined || young < old)) {
      found.push({ key: young, before: undefined, after: newValues[j++] });
    } else if (young !== undefined) {
      const [before, after] = [oldValues[i++], newValues[j++]];
      if (before !== after) found.push({ key: young, before, after });
    }
  }
  return found;
}
