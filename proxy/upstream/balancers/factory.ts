import type { BalancerConfig } from '../cluster-config.js';
import type { BalancerFactory } from './balancer.js';
import { leastRequest } from './least-request.js';
import { maglev } from './maglev.js';
import { randomBalancer } from './random.js';
import { ringHash } from './ring-hash.js';
import { roundRobin } from './round-robin.js';

/** The balancer of a compiled lb_policy. */
export function balancerFactory(config: BalancerConfig): BalancerFactory {
  switch (config.kind) {
    case 'least-request':
      return leastRequest(config.choices, config.bias);
    case 'random':
      return randomBalancer;
    case 'ring-hash':
      return ringHash(config.minimum, config.maximum, config.useHostname);
    case 'maglev':
      return maglev(config.tableSize, config.useHostname);
    case 'round-robin':
    case 'cluster-provided':
      return roundRobin;
  }
}

export function isHashing(config: BalancerConfig): boolean {
  return config.kind === 'ring-hash' || config.kind === 'maglev';
}
