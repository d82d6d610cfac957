import type { ConfigObject, Finding } from '../api/object.js';

/** `VirtualService default/reviews`. */
export function objectName(object: Pick<ConfigObject, 'kind' | 'metadata'>): string {
  return `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`;
}

export function finding(
  object: ConfigObject,
  code: string,
  level: Finding['level'],
  field: string,
  message: string,
): Finding {
  return {
    code,
    level,
    object: objectName(object),
    file: object.origin?.file,
    line: object.origin === undefined ? undefined : field === '' ? object.origin.line : object.origin.lineOf(field),
    field,
    message,
  };
}

/** Codes of what only the objects together show. */
export const CODE = {
  referenceNotFound: 'IST0101',
  conflictingHosts: 'IST0109',
  selectorWithoutWorkload: 'IST0127',
  conflictingSidecars: 'IST0110',
  severalTelemetries: 'IST0160',
  /** A TrafficSplit and a VirtualService want to route one host. */
  splitOverridden: 'WEFT0101',
  /** A condition that this mesh cannot check. */
  unenforceable: 'WEFT0102',
  /** ALLOW_ANY without a way out. */
  noEgress: 'WEFT0103',
  /** A route that cannot be expressed and is left out. */
  routeLeftOut: 'WEFT0104',
  /** Two objects say different things about one host. */
  conflictingRules: 'WEFT0105',
} as const;

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
