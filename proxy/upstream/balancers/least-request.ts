import type { Random } from '../../../common/runtime/clock.js';
import type { UpstreamHost } from '../host.js';
import { type Balancer, type BalancerFactory, sameWeights, type WeightedHost } from './balancer.js';
import { EdfSchedule } from './edf.js';
import { type WarmUp, weightOf } from './warm-up.js';

/**
 * With equal weights the least busy of `choices` random hosts; otherwise weighted by `weight / (active + 1)^bias`
 * (Cluster.LeastRequestLbConfig).
 */
export function leastRequest(choices: number, bias: number, warmUp?: WarmUp): BalancerFactory {
  return (hosts, random) =>
    sameWeights(hosts) && warmUp?.applies(hosts) !== true
      ? new PowerOfChoices(hosts, random, choices)
      : new WeightedLeastRequest(hosts, bias, warmUp);
}

class PowerOfChoices implements Balancer {
  private readonly hosts: readonly UpstreamHost[];
  private readonly random: Random;
  private readonly choices: number;

  constructor(hosts: readonly WeightedHost[], random: Random, choices: number) {
    this.hosts = hosts.map((entry) => entry.host);
    this.random = random;
    this.choices = choices;
  }

  pick(): UpstreamHost | undefined {
    let best: UpstreamHost | undefined;
    for (let i = 0; i < this.choices; i++) {
      const candidate = this.hosts[Math.floor(this.random() * this.hosts.length)];
      if (candidate === undefined) return best;
      if (best === undefined || candidate.activeRequests < best.activeRequests) best = candidate;
    }
    return best;
  }
}

class WeightedLeastRequest implements Balancer {
  private readonly schedule: EdfSchedule<WeightedHost>;

  constructor(hosts: readonly WeightedHost[], bias: number, warmUp: WarmUp | undefined) {
    this.schedule = new EdfSchedule(hosts, (entry) => {
      const weight = weightOf(entry, warmUp);
      return bias === 0 ? weight : weight / (entry.host.activeRequests + 1) ** bias;
    });
  }

  pick(): UpstreamHost | undefined {
    return this.schedule.next()?.host;
  }
}
