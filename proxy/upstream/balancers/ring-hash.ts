import type { Random } from '../../../common/runtime/clock.js';
import type { UpstreamHost } from '../host.js';
import { random64, xxHash64 } from '../xxhash64.js';
import { type Balancer, type BalancerFactory, hashKey, type WeightedHost } from './balancer.js';

/**
 * Consistent hashing on a ring: each host takes points in proportion to its weight, a request goes to the first point
 * at or after its hash (Cluster.RingHashLbConfig). A host that goes only moves its own requests.
 */
export function ringHash(minimum: number, maximum: number, useHostname: boolean): BalancerFactory {
  return (hosts, random) => new RingHash(hosts, random, minimum, maximum, useHostname);
}

interface Ring {
  /** Ascending. */
  readonly hashes: BigUint64Array;
  readonly hosts: readonly UpstreamHost[];
}

class RingHash implements Balancer {
  private readonly ring: Ring;
  private readonly random: Random;

  constructor(hosts: readonly WeightedHost[], random: Random, minimum: number, maximum: number, useHostname: boolean) {
    this.random = random;
    this.ring = buildRing(hosts, minimum, maximum, useHostname);
  }

  pick(hash: bigint | undefined, attempt = 0): UpstreamHost | undefined {
    const { hashes, hosts } = this.ring;
    if (hosts.length === 0) return undefined;
    const target = hash ?? random64(this.random);
    let low = 0;
    let high = hashes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((hashes[middle] ?? 0n) < target) low = middle + 1;
      else high = middle;
    }
    return hosts[((low === hosts.length ? 0 : low) + attempt) % hosts.length];
  }
}

function buildRing(hosts: readonly WeightedHost[], minimum: number, maximum: number, useHostname: boolean): Ring {
  const total = hosts.reduce((sum, entry) => sum + entry.weight, 0);
  const shares = hosts.map((entry) => entry.weight / total);
  const smallest = Math.min(...shares);
  // Whole points for the lightest host, within the limits of the ring's size.
  const scale = Math.min(Math.ceil(smallest * minimum) / smallest, maximum);
  const points: (readonly [hash: bigint, host: UpstreamHost])[] = [];
  let target = 0;
  hosts.forEach(({ host }, index) => {
    const key = hashKey(host, useHostname);
    target += scale * (shares[index] ?? 0);
    for (let i = 0; points.length < target; i++) {
      points.push([xxHash64(`${key}_${i}`), host]);
    }
  });
  points.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return { hashes: BigUint64Array.from(points, ([hash]) => hash), hosts: points.map(([, host]) => host) };
}
