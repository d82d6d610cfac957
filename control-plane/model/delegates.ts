import { resolveHost } from '../api/hosts.js';
import type { Destination, StringMatch } from '../api/kinds/shared.js';
import type { HttpMatchRequest, HttpRoute, VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';
import { exportedTo, isVisible } from './visibility.js';

/** A VirtualService without hosts, whose routes others delegate to. */
export type Delegates = ReadonlyMap<string, Delegate>;

export interface Delegate {
  readonly namespace: string;
  readonly exportTo: ReadonlySet<string>;
  readonly spec: VirtualServiceSpec;
}

/** The delegates among these, by `namespace/name`. */
export function delegatesOf(
  objects: readonly ConfigObject<VirtualServiceSpec>[],
  exportTo: readonly string[],
): Delegates {
  return new Map(
    objects
      .filter(({ spec }) => (spec.hosts ?? []).length === 0)
      .map(({ metadata: { namespace, name }, spec }) => [
        `${namespace}/${name}`,
        { namespace, exportTo: exportedTo(spec.exportTo, namespace, exportTo), spec },
      ]),
  );
}

export function delegateKey(route: HttpRoute, namespace: string): string | undefined {
  if (route.delegate === undefined) return undefined;
  return `${route.delegate.namespace || namespace}/${route.delegate.name}`;
}

/** A spec with the routes of its delegates in the places where it delegates; what cannot be found is left out. */
export function withDelegates(spec: VirtualServiceSpec, namespace: string, delegates: Delegates): VirtualServiceSpec {
  if (spec.http?.some((route) => route.delegate !== undefined) !== true) return spec;
  const http = spec.http.flatMap((root) => {
    const key = delegateKey(root, namespace);
    if (key === undefined) return [root];
    const delegate = delegates.get(key);
    if (delegate === undefined || !isVisible(delegate.exportTo, namespace)) return [];
    return (delegate.spec.http ?? []).flatMap((leaf) => {
      const merged = mergeRoute(qualified(root, namespace), qualified(leaf, delegate.namespace));
      return merged === undefined ? [] : [merged];
    });
  });
  return { ...spec, http };
}

/** Destinations are completed by the namespace of the object that they stand in. */
function qualified(route: HttpRoute, namespace: string): HttpRoute {
  const full = (destination: Destination): Destination => ({
    ...destination,
    host: resolveHost(destination.host, namespace),
  });
  return {
    ...route,
    ...(route.route && { route: route.route.map((item) => ({ ...item, destination: full(item.destination) })) }),
    ...(route.mirror && { mirror: full(route.mirror) }),
    ...(route.mirrors && {
      mirrors: route.mirrors.map((item) => ({ ...item, destination: full(item.destination) })),
    }),
  };
}

/** Undefined when the delegate's route wants what the root's does not give it, or delegates itself. */
export function mergeRoute(root: HttpRoute, leaf: HttpRoute): HttpRoute | undefined {
  if (leaf.delegate !== undefined) return undefined;
  const match = mergeMatches(root.match ?? [], leaf.match ?? []);
  if (match === undefined) return undefined;
  const { delegate: _delegate, name: _name, match: _match, mirror, mirrors, ...inherited } = root;
  const ownMirror = leaf.mirror !== undefined || leaf.mirrors !== undefined;
  const name = [root.name, leaf.name].filter((part) => part !== undefined && part !== '').join('-');
  return {
    ...inherited,
    ...(!ownMirror && mirror !== undefined && { mirror }),
    ...(!ownMirror && mirrors !== undefined && { mirrors }),
    ...leaf,
    ...(match.length > 0 && { match }),
    ...(name !== '' && { name }),
  };
}

/** Every match of the delegate joined with every one of the root that it is narrower than; each needs one at least. */
function mergeMatches(
  root: readonly HttpMatchRequest[],
  leaf: readonly HttpMatchRequest[],
): readonly HttpMatchRequest[] | undefined {
  if (root.length === 0) return leaf;
  if (leaf.length === 0) return root;
  const merged: HttpMatchRequest[] = [];
  for (const narrow of leaf) {
    const found = root.flatMap((wide) => mergeMatch(wide, narrow) ?? []);
    if (found.length === 0) return undefined;
    merged.push(...found);
  }
  return merged;
}

function mergeMatch(root: HttpMatchRequest, leaf: HttpMatchRequest): HttpMatchRequest | undefined {
  if (conflicts(root, leaf)) return undefined;
  const name = [root.name, leaf.name].filter((part) => part !== undefined && part !== '').join('-');
  const maps = {
    ...joined('headers', root, leaf),
    ...joined('withoutHeaders', root, leaf),
    ...joined('queryParams', root, leaf),
    ...joined('sourceLabels', root, leaf),
  };
  return {
    ...root,
    ...leaf,
    ...maps,
    ...(leaf.port || !root.port ? {} : { port: root.port }),
    ...(name !== '' && { name }),
  };
}

function joined(
  field: 'headers' | 'withoutHeaders' | 'queryParams' | 'sourceLabels',
  root: HttpMatchRequest,
  leaf: HttpMatchRequest,
): Partial<HttpMatchRequest> {
  const both: Readonly<Record<string, unknown>> = { ...root[field], ...leaf[field] };
  return Object.keys(both).length === 0 ? {} : { [field]: both };
}

function conflicts(root: HttpMatchRequest, leaf: HttpMatchRequest): boolean {
  if ((root.ignoreUriCase === true) !== (leaf.ignoreUriCase === true)) return true;
  if (root.port && leaf.port && root.port !== leaf.port) return true;
  if (['uri', 'scheme', 'method', 'authority'].some((field) => !narrows(root[field as 'uri'], leaf[field as 'uri']))) {
    return true;
  }
  if (differ(root.sourceNamespace || undefined, leaf.sourceNamespace || undefined)) return true;
  if (!sameSet(root.gateways, leaf.gateways)) return true;
  return (
    Object.entries(leaf.headers ?? {}).some(([name, match]) => !narrows(root.headers?.[name], match)) ||
    Object.entries(leaf.queryParams ?? {}).some(([name, match]) => !narrows(root.queryParams?.[name], match)) ||
    Object.entries(leaf.sourceLabels ?? {}).some(([name, value]) => differ(root.sourceLabels?.[name], value)) ||
    Object.entries(leaf.withoutHeaders ?? {}).some(([name, match]) => !sameMatch(root.withoutHeaders?.[name], match))
  );
}

function differ(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}

function sameSet(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return true;
  return a.length === b.length && a.every((item) => b.includes(item));
}

function sameMatch(a: StringMatch | undefined, b: StringMatch): boolean {
  return a === undefined || (a.exact === b.exact && a.prefix === b.prefix && a.regex === b.regex);
}

/** Whether `leaf` takes only what `root` takes. Regular expressions cannot be compared, so they never do. */
function narrows(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) return true;
  if (root.regex !== undefined) return false;
  if (root.exact === undefined && root.prefix === undefined) return true;
  if (leaf.regex !== undefined) return false;
  if (root.exact !== undefined) return leaf.exact === root.exact;
  return (leaf.exact ?? leaf.prefix ?? '').startsWith(root.prefix ?? '') && (leaf.exact ?? leaf.prefix) !== undefined;
}
