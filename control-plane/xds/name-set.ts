import { contentHash } from '../../common/xds/content-hash.js';

const MAX_KNOWN = 256;

/**
 * Names that a client has asked for, immutable. Clients that ask for the same in the same order share one set: thousands of proxies
 * that subscribe to the endpoints of all services hold their names once.
 */
export class NameSet {
  static readonly EMPTY = new NameSet(new Set());
  private readonly following = new Map<string, WeakRef<NameSet>>();

  private constructor(private readonly names: ReadonlySet<string>) {}

  get size(): number {
    return this.names.size;
  }

  has(name: string): boolean {
    return this.names.has(name);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.names[Symbol.iterator]();
  }

  with(added: readonly string[]): NameSet {
    const fresh = added.filter((name) => !this.names.has(name));
    return fresh.length === 0 ? this : this.follow('+', fresh, () => new Set([...this.names, ...fresh]));
  }

  without(gone: readonly string[]): NameSet {
    const left = new Set(gone.filter((name) => this.names.has(name)));
    if (left.size === 0) return this;
    if (left.size === this.names.size) return NameSet.EMPTY;
    return this.follow('-', [...left], () => new Set([...this.names].filter((name) => !left.has(name))));
  }

  private follow(sign: string, names: readonly string[], make: () => ReadonlySet<string>): NameSet {
    const key = sign + contentHash(names.join('\n'));
    const known = this.following.get(key)?.deref();
    if (known !== undefined) return known;
    if (this.following.size >= MAX_KNOWN) this.forget();
    const next = new NameSet(make());
    this.following.set(key, new WeakRef(next));
    return next;
  }

  private forget(): void {
    for (const [key, set] of this.following) if (set.deref() === undefined) this.following.delete(key);
    if (this.following.size >= MAX_KNOWN) this.following.clear();
  }
}
