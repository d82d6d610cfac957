import { mergeMessages } from '../../../common/xds/merge.js';
import type { EnvoyPatch } from '../../model/envoy-filters.js';

/** Which elements of a list a patch is about. */
export interface Selection<T> {
  matches(item: T): boolean;
  /** Whether the patch names an element; one that does not is inserted at an end. */
  readonly names: boolean;
}

/** One patch carried out on the elements of a list. Values were decoded as the type of the elements. */
export function patchList<T extends object>(items: readonly T[], patch: EnvoyPatch, selection: Selection<T>): T[] {
  const { operation, value } = patch;
  if (operation === 'REMOVE') return items.filter((item) => !selection.matches(item));
  if (value === undefined) return [...items];
  const added = value as T;
  switch (operation) {
    case 'MERGE':
    case 'MERGE_AND_REPLACE_LIST':
      return items.map((item) => (selection.matches(item) ? mergedWith(item, patch) : item));
    case 'REPLACE':
      if (patch.applyTo !== 'HTTP_FILTER' && patch.applyTo !== 'NETWORK_FILTER') return [...items];
      return items.map((item) => (selection.matches(item) ? added : item));
    case 'ADD':
      return [...items, added];
    case 'INSERT_FIRST':
      return [added, ...items];
    default:
      return inserted(items, added, operation === 'INSERT_AFTER', selection);
  }
}

function inserted<T>(items: readonly T[], added: T, after: boolean, selection: Selection<T>): T[] {
  if (!selection.names) return after ? [...items, added] : [added, ...items];
  const index = items.findIndex((item) => selection.matches(item));
  return index < 0 ? [...items] : items.toSpliced(after ? index + 1 : index, 0, added);
}

export function mergedWith<T extends object>(item: T, { operation, typeUrl, value }: EnvoyPatch): T {
  const lists = operation === 'MERGE_AND_REPLACE_LIST' ? 'replace' : 'append';
  return mergeMessages(typeUrl, item, value ?? {}, lists) as T;
}

export function isMerge({ operation }: EnvoyPatch): boolean {
  return operation === 'MERGE' || operation === 'MERGE_AND_REPLACE_LIST';
}
