import type { Random } from '../../../common/runtime/clock.js';
import type { UpstreamHost } from '../host.js';
import { toHashNumber, xxHash64 } from '../xxhash64.js';
import { type Balancer, type BalancerFactory, hashKey, type WeightedHost } from './balancer.js';

/**
 * Consistent hashing on a ring: each host takes points in proportion to its weight, a request goes to the first point
 * at or after its hash (Cluster.RingHashLbConfig). A host that goes only moves its own requests.
 */
export function ringHash(minimum: number, maximum: number, useHostname: boolean): BalancerFactory {
  return (hosts, random) => new RingHash(hosts, random, minimum, maximum, useHostname);
}

interface Point {
  readonly hash: number;
  readonly host: UpstreamHost;
}

class RingHash implements Balancer {
  private readonly points: readonly Point[];
  private readonly random: Random;

  constructor(hosts: readonly WeightedHost[], random: Random, minimum: number, maximum: number, useHostname: boolean) {
    this.random = random;
    this.points = buildRing(hosts, minimum, maximum, useHostname);
  }

  pick(hash: number | undefined): UpstreamHost | undefined {
    const target = hash ?? Math.floor(this.random() * Number.MAX_SAFE_INTEGER);
    let low = 0;
    let high = this.points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.points[middle]?.hash ?? 0) < target) low = middle + 1;
      else high = middle;
    }
    return (this.points[low] ?? this.points[0])?.host;
  }
}

function buildRing(hosts: readonly WeightedHost[], minimum: number, maximum: number, useHostname: boolean): Point[] {
  const total = hosts.reduce((sum, entry) => sum + entry.weight, 0);
  const shares = hosts.map((entry) => entry.weight / total);
  const smallest = Math.min(...shares);
  // Whole points for the lightest host, within the limits of the ring's size.
  const scale = Math.min(Math.ceil(smallest * minimum) / smallest, maximum);
  const points: Point[] = [];
  let target = 0;
  hosts.forEach(({ host }, index) => {
    const key = hashKey(host, useHostname);
    target += scale * (shares[index] ?? 0);
    for (let i = 0; points.length < target; i++) {
      points.push({ hash: toHashNumber(xxHash64(`${key}_${i}`)), host });
    }
  });
  return points.sort((a, b) => a.hash - b.hash);
}
