import { isDeepStrictEqual } from 'node:util';
import type { ConfigSet } from '../sources/source.js';
import type { KindLists } from './kind-lists.js';
import type { Endpoint, Service } from './service.js';

/**
 * Everything that a snapshot was made from but what says where services are served. It is the same object in all snapshots
 * that follow one another and differ in nothing else: whoever keeps something by it needs to look at endpoints only.
 */
export interface Shape {
  readonly unreadablePolicies: ConfigSet['unreadablePolicies'];
  readonly jwks: ConfigSet['jwks'];
  readonly gatewayAddresses: ConfigSet['gatewayAddresses'];
  /** The same object for as long as nothing but endpoints and VirtualServices has changed. */
  readonly apartFromRoutes: object;
}

/** Kinds that change with every start and end of a pod. */
const OF_ENDPOINTS: ReadonlySet<string> = new Set(['Pod', 'EndpointSlice', 'Node']);
const OF_ROUTES: ReadonlySet<string> = new Set([...OF_ENDPOINTS, 'VirtualService']);

export function shapeOf(
  set: ConfigSet,
  lists: KindLists,
  previous: { readonly shape: Shape; readonly lists: KindLists } | undefined,
): Shape {
  const { unreadablePolicies, jwks, gatewayAddresses } = set;
  const before = previous?.shape;
  const related =
    previous !== undefined &&
    before?.jwks === jwks &&
    before?.gatewayAddresses === gatewayAddresses &&
    isDeepStrictEqual(before?.unreadablePolicies, unreadablePolicies);
  if (related && lists.sameBut(previous.lists, OF_ENDPOINTS)) return previous.shape;
  const apartFromRoutes = related && lists.sameBut(previous.lists, OF_ROUTES) ? previous.shape.apartFromRoutes : {};
  return { unreadablePolicies, jwks, gatewayAddresses, apartFromRoutes };
}

export function areSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((one, i) => one === others[i]);
}

const known = new WeakMap<readonly Service[], WeakMap<readonly Service[], ReadonlyMap<Service, Service>>>();

/** Which services of two snapshots without other services are other objects: those with other endpoints. Undefined for others. */
export function replacedServices(
  before: readonly Service[],
  after: readonly Service[],
): ReadonlyMap<Service, Service> | undefined {
  if (before.length !== after.length) return undefined;
  const from = known.get(before) ?? new WeakMap<readonly Service[], ReadonlyMap<Service, Service>>();
  known.set(before, from);
  let replaced = from.get(after);
  if (replaced === undefined) {
    replaced = differing(before, after);
    from.set(after, replaced);
  }
  return replaced;
}

function differing(before: readonly Service[], after: readonly Service[]): ReadonlyMap<Service, Service> {
  const replaced = new Map<Service, Service>();
  for (let i = 0; i < after.length; i++) {
    const [old, young] = [before[i], after[i]];
    if (old !== young && old !== undefined && young !== undefined) replaced.set(old, young);
  }
  return replaced;
}

/** The services of a snapshot of the same shape, or of one that differs in routes only, each the same object as before where its endpoints are the same. */
export function keepUnchanged(services: readonly Service[], previous: readonly Service[]): readonly Service[] {
  if (services.length !== previous.length) return services;
  return services.map((service, i) => {
    const before = previous[i];
    return before !== undefined && isSameService(service, before) ? before : service;
  });
}

/** Of one object: whether the endpoints are the same, too. */
export function isSameService(service: Service, before: Service): boolean {
  if (service === before) return true;
  const { host, object, endpoints } = service;
  if (host !== before.host || object !== before.object || endpoints.length !== before.endpoints.length) return false;
  return endpoints.every((endpoint, i) => isSameEndpoint(endpoint, before.endpoints[i]));
}

function isSameEndpoint(endpoint: Endpoint, before: Endpoint | undefined): boolean {
  // Most workloads are the very same; of the others it is worth a look.
  return (
    before !== undefined &&
    endpoint.health === before.health &&
    endpoint.weight === before.weight &&
    endpoint.hostname === before.hostname &&
    (endpoint.workload === before.workload || isDeepStrictEqual(endpoint.workload, before.workload)) &&
    isDeepStrictEqual(endpoint.ports, before.ports)
  );
}
