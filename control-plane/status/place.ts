import { definitionOf, isKnownKind } from '../api/registry.js';

/** Where the API server has an object. */
export interface Place {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Kinds of Istio's that are not read but are told so, with the version that every release of them serves. */
const UNREAD: Readonly<Record<string, readonly [group: string, version: string]>> = {
  EnvoyFilter: ['networking.istio.io', 'v1alpha3'],
  WasmPlugin: ['extensions.istio.io', 'v1alpha1'],
};

/** The place of an object by its title, `VirtualService default/reviews`; undefined for what has no status of ours. */
export function placeOf(title: string): Place | undefined {
  const [, kind = '', namespace = '', name = ''] = /^(\S+) ([^/\s]+)\/(\S+)$/.exec(title) ?? [];
  const [group, version] = versionOf(kind);
  if (!group.endsWith('istio.io') || version === undefined) return undefined;
  return { group, version, kind, namespace, name };
}

/** Whether objects of a kind can have a {@link placeOf | place}. */
export function hasPlace(kind: string): boolean {
  return versionOf(kind)[0].endsWith('istio.io');
}

function versionOf(kind: string): readonly [group: string, version: string | undefined] {
  const unread = UNREAD[kind];
  if (unread !== undefined) return unread;
  if (!isKnownKind(kind)) return ['', undefined];
  const { group, versions } = definitionOf(kind);
  return [group, versions[0]];
}

export function pathOf({ group, version, kind, namespace, name }: Place): string {
  return `/apis/${group}/${version}/namespaces/${namespace}/${pluralOf(kind)}/${name}`;
}

/** `authorizationpolicies`, `gateways`, `serviceentries`. */
function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}
