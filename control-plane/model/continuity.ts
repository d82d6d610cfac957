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
}

/** Kinds that change with every start and end of a pod. */
const OF_ENDPOINTS: ReadonlySet<string> = new Set(['Pod', 'EndpointSlice', 'Node']);

export function shapeOf(set: ConfigSet, previous: Shape | undefined): Shape {
  const { objects: all, unreadablePolicies, jwks, gatewayAddresses } = set;
  const objects = [...all.values()].filter(({ kind }) => !OF_ENDPOINTS.has(kind));
  const same =
    previous !== undefined &&
    previous.objects.length === objects.length &&
    previous.objects.every((object, i) => object === objects[i]) &&
    previous.jwks === jwks &&
    previous.gatewayAddresses === gatewayAddresses &&
    isDeepStrictEqual(previous.unreadablePolicies, unreadablePolicies);
  return same ? previous : { objects, unreadablePolicies, jwks, gatewayAddresses };
}

/** The services of a snapshot of the same shape, each the same object as before where its endpoints are the same. */
export function keepUnchanged(services: readonly Service[], previous: readonly Service[]): readonly Service[] {
  if (services.length !== previous.length) return services;
  return services.map((service, i) => {
    const before = previous[i];
    return before !== undefined && isSame(service, before) ? before : service;
  });
}

function isSame(service: Service, before: Service): boolean {
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
