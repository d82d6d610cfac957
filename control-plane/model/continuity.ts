import { isDeepStrictEqual } from 'node:util';
import type { ConfigObject } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import type { Endpoint, Service } from './service.js';

/**
 * Everything that a snapshot was made from but what says where services are served. It is the same object in all snapshots
 * that follow one another and differ in nothing else: whoever keeps something by it needs to look at endpoints only.
 */
export interface Shape {
  readonly objects: readonly ConfigObject[];
  readonly unreadablePolicies: ConfigSet['unreadablePolicies'];
  readonly jwks: ConfigSet['jwks'];
  readonly gatewayAddresses: ConfigSet['gatewayAddresses'];
  /** The same object for as long as nothing but endpoints and VirtualServices has changed. */
  readonly apartFromRoutes: object;
}

const ROUTES = 'VirtualService';

/** Kinds that change with every start and end of a pod. */
const OF_ENDPOINTS: ReadonlySet<string> = new Set(['Pod', 'EndpointSlice', 'Node']);

export function shapeOf(set: ConfigSet, previous: Shape | undefined): Shape {
  const { objects: all, unreadablePolicies, jwks, gatewayAddresses } = set;
  const objects = [...all.values()].filter(({ kind }) => !OF_ENDPOINTS.has(kind));
  const related =
    previous !== undefined &&
    previous.jwks === jwks &&
    previous.gatewayAddresses === gatewayAddresses &&
    isDeepStrictEqual(previous.unreadablePolicies, unreadablePolicies);
  if (related && areSame(previous.objects, objects)) return previous;
  const others = (all: readonly ConfigObject[]): ConfigObject[] => all.filter(({ kind }) => kind !== ROUTES);
  const apartFromRoutes = related && areSame(others(previous.objects), others(objects)) ? previous.apartFromRoutes : {};
  return { objects, unreadablePolicies, jwks, gatewayAddresses, apartFromRoutes };
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
    replaced = new Map(
      before.flatMap((service, i) => {
        const next = after[i];
        return next === undefined || next === service ? [] : [[service, next] as const];
      }),
    );
    from.set(after, replaced);
  }
  return replaced;
}

/** The services of a snapshot of the same shape, or of one that differs in routes only, each the same object as before where its endpoints are the same. */
export function keepUnchanged(services: readonly Service[], previous: readonly Service[]): readonly Service[] {
  if (services.length !== previous.length) return services;
  return services.map((service, i) => {
    const before = previous[i];
    return before !== undefined && isSame(service, before) ? before : service;
  });
}

function isSame(service: Service, before: Service): boolean {
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
