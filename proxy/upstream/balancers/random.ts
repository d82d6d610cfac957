import type { Random } from '../../../common/runtime/clock.js';
import type { UpstreamHost } from '../host.js';
import type { Balancer, WeightedHost } from './balancer.js';

/** Uniform at random; like Envoy's, it disregards the hosts' weights. */
export function randomBalancer(hosts: readonly WeightedHost[], random: Random): Balancer {
  const list = hosts.map((entry) => entry.host);
  return { pick: (): UpstreamHost | undefined => list[Math.floor(random() * list.length)] };
}
