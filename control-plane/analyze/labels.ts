import { selectorMatches } from '../api/labels.js';
import { push } from '../lists.js';

interface Labelled {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Finds things by labels without going through all of them: by the rarest label pair of the selector. */
export class LabelIndex<T extends Labelled> {
  readonly #all: readonly T[];
  readonly #byPair = new Map<string, T[]>();
  readonly #byNamespace = new Map<string, T[]>();

  constructor(items: readonly T[]) {
    this.#all = items;
    for (const item of items) {
      push(this.#byNamespace, item.namespace, item);
      for (const [key, value] of Object.entries(item.labels)) push(this.#byPair, pair(key, value), item);
    }
  }

  /** Those of a namespace (of all, without one) that a selector selects. */
  select(namespace: string | undefined, selector: Readonly<Record<string, string>>): T[] {
    let candidates = namespace === undefined ? this.#all : (this.#byNamespace.get(namespace) ?? []);
    for (const [key, value] of Object.entries(selector)) {
      const list = this.#byPair.get(pair(key, value)) ?? [];
      if (list.length < candidates.length) candidates = list;
    }
    return candidates.filter(
      (item) => (namespace === undefined || item.namespace === namespace) && selectorMatches(selector, item.labels),
    );
  }
}

function pair(key: string, value: string): string {
  return `${key}\n${value}`;
}
