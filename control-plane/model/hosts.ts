/** Whether `pattern` (`*`, `*.example.com`, or a name) covers `host`; a wildcard covers a narrower wildcard too. */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  if (pattern.startsWith('*')) return host.length >= pattern.length && host.endsWith(pattern.slice(1));
  return pattern === host;
}

/** Items by host pattern, several to a pattern; finds those of the most specific pattern first. */
export class HostIndex<T> {
  readonly #exact = new Map<string, T[]>();
  /** Longest pattern first. */
  readonly #wildcards: { readonly pattern: string; readonly items: T[] }[];

  /** Items of one pattern keep the order in which they come. */
  constructor(entries: Iterable<readonly [pattern: string, item: T]>) {
    const wildcards = new Map<string, T[]>();
    for (const [pattern, item] of entries) {
      const index = pattern.startsWith('*') ? wildcards : this.#exact;
      const list = index.get(pattern);
      if (list === undefined) index.set(pattern, [item]);
      else list.push(item);
    }
    this.#wildcards = [...wildcards]
      .map(([pattern, items]) => ({ pattern, items }))
      .sort((a, b) => b.pattern.length - a.pattern.length || (a.pattern < b.pattern ? -1 : 1));
  }

  /** The first item that `accept` takes, the most specific pattern first. */
  find(host: string, accept: (item: T) => boolean): T | undefined {
    const exact = this.#exact.get(host)?.find(accept);
    if (exact !== undefined) return exact;
    for (const { pattern, items } of this.#wildcards) {
      if (!hostCovers(pattern, host)) continue;
      const found = items.find(accept);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
