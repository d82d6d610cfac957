import { SortedMap } from '../sorted-map.js';
import type { Endpoint, Service } from './service.js';
import type { ServiceChange } from './service-changes.js';
import { inOrder } from './services.js';
import type { ServedService } from './snapshot.js';
import { workloadKey } from './workloads.js';

/** By workload, each in the order of services. */
export type Served = SortedMap<string, readonly ServedService[]>;

/** What each workload serves that an object describes. */
export function servedBy(services: readonly Service[]): Served {
  const found = new Map<string, ServedService[]>();
  for (const service of services) {
    for (const [key, endpoint] of endpointsOf(service)) {
      const list = found.get(key);
      if (list === undefined) found.set(key, [{ service, endpoint }]);
      else list.push({ service, endpoint });
    }
  }
  return SortedMap.from(found);
}

/** The same after some services have changed. */
export function servedAfter(served: Served, changes: readonly ServiceChange[]): Served {
  let result = served;
  for (const { before, after } of changes) {
    const endpoints = endpointsOf(after);
    for (const key of new Set([...endpointsOf(before).keys(), ...endpoints.keys()])) {
      const list = (result.get(key) ?? []).filter(({ service }) => service !== before);
      const endpoint = endpoints.get(key);
      if (endpoint !== undefined) {
        const next = list.findIndex(({ service }) => inOrder(service, after) > 0);
        list.splice(next < 0 ? list.length : next, 0, { service: after, endpoint });
      }
      result = result.changed(key, list.length === 0 ? undefined : list);
    }
  }
  return result;
}

/** The first that each workload is. */
function endpointsOf({ endpoints }: Service): Map<string, Endpoint> {
  const found = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    if (!endpoint.workload.named) continue;
    const key = workloadKey(endpoint.workload);
    if (!found.has(key)) found.set(key, endpoint);
  }
  return found;
}
