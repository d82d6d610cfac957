import type { Random } from '../../common/runtime/clock.js';
import type { Balancer, BalancerFactory } from './balancers/balancer.js';
import type { CommonLbConfig, LocalityWeight } from './cluster-config.js';
import type { UpstreamHost } from './host.js';
import type { LocalCluster } from './local-cluster.js';
import { LocalityBalancer, localityShares } from './locality.js';
import { type PriorityLoads, priorityLoads } from './priority-load.js';
import { type ZoneStats, zoneAwareBalancer } from './zone-aware.js';

export interface LoadBalancerInput {
  readonly hosts: readonly UpstreamHost[];
  readonly overprovisioning: number;
  readonly localityWeights: readonly LocalityWeight[];
  readonly common: CommonLbConfig;
  readonly factory: BalancerFactory;
  /** Hashing balancers see all localities of a priority as one weighted list. */
  readonly hashing: boolean;
  /** Where zones count: who we are. */
  readonly local?: LocalCluster | undefined;
  readonly zoneStats: ZoneStats;
}

interface PriorityLevel {
  readonly healthy: readonly UpstreamHost[];
  readonly degraded: readonly UpstreamHost[];
  readonly all: readonly UpstreamHost[];
}

/**
 * The momentary state of a cluster's hosts: which priority gets how much, whether it panics, and a balancer for each
 * group of hosts that can be chosen. Replaced whenever hosts or their health change; balancers are made at first use.
 */
export class LoadBalancer {
  readonly loads: PriorityLoads;
  private readonly levels: readonly PriorityLevel[];
  private readonly input: LoadBalancerInput;
  private readonly random: Random;
  private readonly balancers = new Map<string, Balancer>();
  /** The whole cluster healthy in one priority: no choice to make. */
  private readonly single: Balancer | undefined;

  constructor(input: LoadBalancerInput, random: Random) {
    this.input = input;
    this.random = random;
    this.levels = levelsOf(input.hosts);
    this.loads = priorityLoads(
      this.levels.map((level) => ({
        healthy: level.healthy.length,
        degraded: level.degraded.length,
        total: level.all.length,
      })),
      input.overprovisioning,
      input.common.panicThreshold,
    );
    const plain = this.levels.length === 1 && this.loads.healthy[0] === 100 && this.loads.panic[0] === false;
    this.single = plain ? this.balancer(0, 'healthy') : undefined;
  }

  /** `attempt` as in {@link Balancer.pick}; `avoid` names priorities whose load the others take, as long as these can. */
  pick(hash: bigint | undefined, attempt = 0, avoid?: ReadonlySet<number>): UpstreamHost | undefined {
    if (this.single !== undefined) return this.single.pick(hash, attempt);
    const loads = avoid === undefined ? this.loads : this.loadsWithout(avoid);
    let point = hash === undefined ? this.random() * 100 : Number(hash % 100n);
    for (let priority = 0; priority < this.levels.length; priority++) {
      const load = loads.healthy[priority] ?? 0;
      if (point < load) return this.pickIn(priority, 'healthy', hash, attempt);
      point -= load;
    }
    for (let priority = 0; priority < this.levels.length; priority++) {
      const load = loads.degraded[priority] ?? 0;
      if (point < load) return this.pickIn(priority, 'degraded', hash, attempt);
      point -= load;
    }
    return undefined;
  }

  private loadsWithout(avoid: ReadonlySet<number>): PriorityLoads {
    const counts = this.levels.map(({ healthy, degraded, all }, priority) =>
      avoid.has(priority)
        ? { healthy: 0, degraded: 0, total: 0 }
        : { healthy: healthy.length, degraded: degraded.length, total: all.length },
    );
    const usable = counts.some(({ healthy, degraded }) => healthy + degraded > 0);
    return usable ? priorityLoads(counts, this.input.overprovisioning, 0) : this.loads;
  }

  private pickIn(
    priority: number,
    group: keyof PriorityLevel,
    hash: bigint | undefined,
    attempt: number,
  ): UpstreamHost | undefined {
    const panics = this.loads.panic[priority] === true;
    if (panics && this.input.common.zoneAware.failOnPanic) return undefined;
    return this.balancer(priority, panics ? 'all' : group).pick(hash, attempt);
  }

  private balancer(priority: number, group: keyof PriorityLevel): Balancer {
    const key = `${priority}/${group}`;
    let balancer = this.balancers.get(key);
    if (balancer === undefined) {
      balancer =
        (priority === 0 && group === 'healthy' ? this.byZone() : undefined) ??
        this.build(priority, this.levels[priority]?.[group] ?? []);
      this.balancers.set(key, balancer);
    }
    return balancer;
  }

  /** Zones count in the first priority only, and weights of localities before them. */
  private byZone(): Balancer | undefined {
    const { local, hashing, factory, common, localityWeights, zoneStats } = this.input;
    const [level] = this.levels;
    if (local === undefined || hashing || level === undefined) return undefined;
    if (common.localityWeighted && localityWeights.some(({ priority }) => priority === 0)) return undefined;
    return zoneAwareBalancer(level, common.zoneAware, local, zoneStats, factory, this.random);
  }

  private build(priority: number, hosts: readonly UpstreamHost[]): Balancer {
    const { factory, common, localityWeights, overprovisioning, hashing } = this.input;
    const weighted = localityWeights.filter((entry) => entry.priority === priority);
    if (!common.localityWeighted || weighted.length === 0) {
      return factory(
        hosts.map((host) => ({ host, weight: host.weight })),
        this.random,
      );
    }
    const shares = localityShares(hosts, this.levels[priority]?.all ?? [], weighted, overprovisioning);
    if (!hashing) return new LocalityBalancer(shares, factory, this.random);
    return factory(
      shares.flatMap((share) => {
        const sum = share.hosts.reduce((total, host) => total + host.weight, 0);
        return share.hosts.map((host) => ({ host, weight: (share.weight * host.weight) / sum }));
      }),
      this.random,
    );
  }
}

function levelsOf(hosts: readonly UpstreamHost[]): PriorityLevel[] {
  const count = hosts.reduce((highest, host) => Math.max(highest, host.priority + 1), 0);
  return Array.from({ length: count }, (_, priority) => {
    const all = hosts.filter((host) => host.priority === priority);
    return {
      all,
      healthy: all.filter((host) => host.availability === 'healthy'),
      degraded: all.filter((host) => host.availability === 'degraded'),
    };
  });
}
