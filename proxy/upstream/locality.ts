import type { Random } from '../../common/runtime/clock.js';
import type { Balancer, BalancerFactory } from './balancers/balancer.js';
import { EdfSchedule } from './balancers/edf.js';
import type { LocalityWeight } from './cluster-config.js';
import type { UpstreamHost } from './host.js';

export interface LocalityShare {
  readonly hosts: readonly UpstreamHost[];
  readonly weight: number;
}

/**
 * Effective weights of the localities of one priority: the configured weight, less where more hosts are missing than
 * overprovisioning allows. Localities without a weight, or without a host to choose, get nothing.
 */
export function localityShares(
  eligible: readonly UpstreamHost[],
  all: readonly UpstreamHost[],
  weights: readonly LocalityWeight[],
  overprovisioning: number,
): LocalityShare[] {
  const shares: LocalityShare[] = [];
  for (const { locality, weight } of weights) {
    const hosts = eligible.filter((host) => host.locality === locality);
    const total = all.filter((host) => host.locality === locality).length;
    if (hosts.length === 0) continue;
    const availability = Math.min(1, (overprovisioning / 100) * (hosts.length / total));
    shares.push({ hosts, weight: weight * availability });
  }
  return shares;
}

/** Chooses a locality by weight, then a host in it. */
export class LocalityBalancer implements Balancer {
  private readonly schedule: EdfSchedule<{ readonly weight: number; readonly balancer: Balancer }>;

  constructor(shares: readonly LocalityShare[], factory: BalancerFactory, random: Random) {
    const entries = shares.map((share) => ({
      weight: share.weight,
      balancer: factory(
        share.hosts.map((host) => ({ host, weight: host.weight })),
        random,
      ),
    }));
    this.schedule = new EdfSchedule(entries, (entry) => entry.weight);
  }

  pick(hash: bigint | undefined, attempt?: number): UpstreamHost | undefined {
    return this.schedule.next()?.balancer.pick(hash, attempt);
  }
}
