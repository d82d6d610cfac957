import type { BalancerConfig } from '../cluster-config.js';
import type { BalancerFactory } from './balancer.js';
import { leastRequest } from './least-request.js';
import { maglev } from './maglev.js';
import { randomBalancer } from './random.js';
import { ringHash } from './ring-hash.js';
import { roundRobin } from './round-robin.js';
import { type SlowStart, WarmUp } from './warm-up.js';

/** The balancer of a compiled lb_policy. `now` is monotonic, ms. */
export function balancerFactory(config: BalancerConfig, now: () => number): BalancerFactory {
  switch (config.kind) {
    case 'least-request':
      return leastRequest(config.choices, config.bias, warmUp(config.slowStart, now));
    case 'random':
      return randomBalancer;
    case 'ring-hash':
      return ringHash(config.minimum, config.maximum, config.useHostname);
    case 'maglev':
      return maglev(config.tableSize, config.useHostname);
    case 'round-robin': {
      const slow = warmUp(config.slowStart, now);
      return slow === undefined ? roundRobin : (hosts, random) => roundRobin(hosts, random, slow);
    }
    case 'cluster-provided':
      return roundRobin;
  }
}

function warmUp(config: SlowStart | undefined, now: () => number): WarmUp | undefined {
  return config === undefined ? undefined : new WarmUp(config, now);
}

export function isHashing(config: BalancerConfig): boolean {
  return config.kind === 'ring-hash' || config.kind === 'maglev';
}
