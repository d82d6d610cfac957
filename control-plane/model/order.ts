import type { ConfigObject } from '../api/object.js';

/** `VirtualService default/reviews`. */
export function objectName(object: Pick<ConfigObject, 'kind' | 'metadata'>): string {
  return `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`;
}

/** Older first, then by namespace and name: the order in which conflicting objects are considered. */
export function byAge(a: ConfigObject, b: ConfigObject): number {
  return (
    compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
    compare(a.metadata.namespace, b.metadata.namespace) ||
    compare(a.metadata.name, b.metadata.name)
  );
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
