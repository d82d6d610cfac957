import type { Endpoint } from './service.js';
import { entryWorkload } from './workloads.js';

/** An endpoint of which only its name is known, to be looked up by DNS. */
export function hostEndpoint(host: string, namespace: string): Endpoint {
  const workload = entryWorkload(namespace, host, { address: host }, {}, new Map(), false);
  return { workload, weight: 1, health: 'healthy' };
}
