/**
 * Finds the value of the most specific domain for a host, as Envoy does: the exact domain, the longest `*suffix`,
 * the longest `prefix*`, then `*`. Costs do not depend on the number of domains.
 */
export class HostTable<T> {
  private readonly exact = new Map<string, T>();
  private readonly suffixes = new WildcardMap<T>();
  private readonly prefixes = new WildcardMap<T>();
  private fallback: T | undefined;

  /** Adds a domain in any case. Returns false when it is there already. */
  add(domain: string, value: T): boolean {
    const key = domain.toLowerCase();
    if (key === '*') {
      if (this.fallback !== undefined) return false;
      this.fallback = value;
      return true;
    }
    if (key.startsWith('*')) return this.suffixes.add(key.slice(1), value);
    if (key.endsWith('*')) return this.prefixes.add(key.slice(0, -1), value);
    if (this.exact.has(key)) return false;
    this.exact.set(key, value);
    return true;
  }

  /** `host` with its port, in any case. */
  find(host: string): T | undefined {
    const exact = this.exact.get(host);
    if (exact !== undefined) return exact;
    const key = host.toLowerCase();
    return (
      this.exact.get(key) ??
      this.suffixes.find(key, (length) => key.slice(key.length - length)) ??
      this.prefixes.find(key, (length) => key.slice(0, length)) ??
      this.fallback
    );
  }
}

/** The literal parts of wildcards, by length, longest first. */
class WildcardMap<T> {
  private readonly byLength = new Map<number, Map<string, T>>();
  private lengths: number[] = [];

  add(literal: string, value: T): boolean {
    let map = this.byLength.get(literal.length);
    if (map === undefined) {
      map = new Map();
      this.byLength.set(literal.length, map);
      this.lengths = [...this.byLength.keys()].sort((a, b) => b - a);
    }
    if (map.has(literal)) return false;
    map.set(literal, value);
    return true;
  }

  find(host: string, cut: (length: number) => string): T | undefined {
    for (const length of this.lengths) {
      // The asterisk stands for one character at least.
      if (length >= host.length) continue;
      const value = this.byLength.get(length)?.get(cut(length));
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
