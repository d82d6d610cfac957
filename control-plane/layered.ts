const NOTHING: ReadonlySet<string> = new Set();

/**
 * A few entries over a map that many share, as one map: what it takes, in time and memory, is the few. An own entry goes before a
 * shared one of its name; `hidden` names of the shared map are not there.
 */
export class Layered<V> implements ReadonlyMap<string, V> {
  readonly size: number;

  constructor(
    readonly base: ReadonlyMap<string, V>,
    readonly own: ReadonlyMap<string, V>,
    readonly hidden: ReadonlySet<string> = NOTHING,
  ) {
    let { size } = base;
    for (const name of own.keys()) if (!base.has(name)) size++;
    for (const name of hidden) if (base.has(name) && !own.has(name)) size--;
    this.size = size;
  }

  get(name: string): V | undefined {
    return this.own.get(name) ?? (this.hidden.has(name) ? undefined : this.base.get(name));
  }

  has(name: string): boolean {
    return this.own.has(name) || (!this.hidden.has(name) && this.base.has(name));
  }

  /** The shared map's order, then what only the own one has. */
  *entries(): Generator<[string, V], undefined> {
    for (const [name, shared] of this.base) {
      const own = this.own.get(name);
      if (own !== undefined) yield [name, own];
      else if (!this.hidden.has(name)) yield [name, shared];
    }
    for (const [name, own] of this.own) if (!this.base.has(name)) yield [name, own];
  }

  *keys(): Generator<string, undefined> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }

  forEach(callback: (value: V, name: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [name, value] of this.entries()) callback(value, name, this);
  }
}

/** Entries over a map: over what that one lies on where it lies on another, so that layers do not pile up. */
export function layered<V>(map: ReadonlyMap<string, V>, changed: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
  if (!(map instanceof Layered)) return new Layered(map, changed);
  const own = new Map<string, V>([...map.own, ...changed]);
  // Where most of it has changed there is nothing left to share.
  if (own.size * 4 > map.base.size) return new Map([...map, ...changed]);
  return new Layered<V>(map.base, own, map.hidden);
}
