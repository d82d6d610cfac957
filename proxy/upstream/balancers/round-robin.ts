import type { Random } from '../../../common/runtime/clock.js';
import type { UpstreamHost } from '../host.js';
import { type Balancer, sameWeights, type WeightedHost } from './balancer.js';
import { EdfSchedule } from './edf.js';
import { type WarmUp, weightOf } from './warm-up.js';

/** One after the other from a random start; by earliest deadline where weights differ, be it for a while. */
export function roundRobin(hosts: readonly WeightedHost[], random: Random, warmUp?: WarmUp): Balancer {
  if (sameWeights(hosts) && warmUp?.applies(hosts) !== true) return new EqualRoundRobin(hosts, random);
  return new WeightedRoundRobin(hosts, random, warmUp);
}

class EqualRoundRobin implements Balancer {
  private readonly hosts: readonly UpstreamHost[];
  private index: number;

  constructor(hosts: readonly WeightedHost[], random: Random) {
    this.hosts = hosts.map((entry) => entry.host);
    this.index = Math.floor(random() * hosts.length);
  }

  pick(): UpstreamHost | undefined {
    if (this.index >= this.hosts.length) this.index = 0;
    return this.hosts[this.index++];
  }
}

class WeightedRoundRobin implements Balancer {
  private readonly schedule: EdfSchedule<WeightedHost>;

  constructor(hosts: readonly WeightedHost[], random: Random, warmUp: WarmUp | undefined) {
    this.schedule = new EdfSchedule(hosts, (entry) => weightOf(entry, warmUp));
    // Many proxies that start at once must not all begin with the same host.
    for (let skip = Math.floor(random() * hosts.length); skip > 0; skip--) this.schedule.next();
  }

  pick(): UpstreamHost | undefined {
    return this.schedule.next()?.host;
  }
}
