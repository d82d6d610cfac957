import type { Random } from '../../../common/runtime/clock.js';
import type { UpstreamHost } from '../host.js';

/** Picks among a fixed list of hosts. Replaced, never changed, when the list does. */
export interface Balancer {
  /**
   * undefined only when there are no hosts. `hash` has 64 bits; balancers that do not hash ignore it. `attempt` counts the
   * picks of one choice that were refused before, so that a hash can lead elsewhere.
   */
  pick(hash: bigint | undefined, attempt?: number): UpstreamHost | undefined;
}

/** A host with its share of the load; weights are relative to each other and above 0. */
export interface WeightedHost {
  readonly host: UpstreamHost;
  readonly weight: number;
}

export type BalancerFactory = (hosts: readonly WeightedHost[], random: Random) => Balancer;

export function sameWeights(hosts: readonly WeightedHost[]): boolean {
  const first = hosts[0]?.weight;
  return hosts.every((entry) => entry.weight === first);
}

/** What consistent hashing knows a host by: the key that its metadata gives it, else its name or address. */
export function hashKey(host: UpstreamHost, useHostname: boolean): string {
  if (host.hashKey !== '') return host.hashKey;
  return useHostname && host.hostname !== '' ? host.hostname : host.address;
}
