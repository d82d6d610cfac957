import type { Random } from '../../common/runtime/clock.js';
import type { Balancer, BalancerFactory } from './balancers/balancer.js';
import type { ZoneAwareConfig } from './cluster-config.js';
import type { UpstreamHost } from './host.js';
import type { LocalCluster } from './local-cluster.js';

/** How often zones were chosen in which way, and why they were not (Envoy's `lb_*`). */
export class ZoneStats {
  allDirectly = 0;
  sampled = 0;
  crossZone = 0;
  tooSmall = 0;
  localNotOk = 0;
  noCapacity = 0;
  recalculated = 0;
}

/** Shares are in parts of this. */
const WHOLE = 10_000;

interface Zone {
  readonly locality: string;
  /** Those that can be chosen; may be empty. */
  readonly healthy: readonly UpstreamHost[];
}

/**
 * Envoy's zone-aware routing within the first priority: as much as possible stays in the own zone, as long as every host gets
 * about the same load when all proxies of our kind do so; what is too much goes to zones with more hosts than callers.
 * undefined where the conditions for it do not hold.
 */
export function zoneAwareBalancer(
  hosts: { readonly healthy: readonly UpstreamHost[]; readonly all: readonly UpstreamHost[] },
  config: ZoneAwareConfig,
  local: LocalCluster,
  stats: ZoneStats,
  factory: BalancerFactory,
  random: Random,
): Balancer | undefined {
  stats.recalculated++;
  const zones = zonesOf(hosts.all, local.locality);
  if (zones.length < 2 || local.zones.size < 2) return undefined;
  if (!local.zones.has(local.locality)) {
    stats.localNotOk++;
    return undefined;
  }
  if (hosts.healthy.length < config.minClusterSize) {
    stats.tooSmall++;
    return undefined;
  }
  const make = (list: readonly UpstreamHost[]): Balancer =>
    factory(
      list.map((host) => ({ host, weight: host.weight })),
      random,
    );
  const plain = make(hosts.healthy);
  const panics = config.panicThreshold > 0 && local.healthyPercent < config.panicThreshold;
  const plan = planOf(zones, hosts.healthy.length, local);
  const balancers = zones.map((zone) => make(zone.healthy));
  return {
    pick(hash, attempt) {
      if (config.enabled < 1 && random() >= config.enabled) return plain.pick(hash, attempt);
      if (panics) {
        stats.localNotOk++;
        return config.failOnPanic ? undefined : plain.pick(hash, attempt);
      }
      return balancers[chooseZone(plan, stats, random)]?.pick(hash, attempt);
    },
  };
}

/** The own one first, if it has a host. */
function zonesOf(all: readonly UpstreamHost[], own: string): readonly Zone[] {
  const zones = new Map<string, UpstreamHost[]>();
  if (all.some((host) => host.locality === own)) zones.set(own, []);
  for (const host of all) {
    const healthy = zones.get(host.locality) ?? [];
    zones.set(host.locality, healthy);
    if (host.availability === 'healthy') healthy.push(host);
  }
  return [...zones].map(([locality, healthy]) => ({ locality, healthy }));
}

/** What stays in the own zone (the first), in parts of {@link WHOLE}, and what the others have left, each with those before it. */
interface Plan {
  readonly toOwn: number;
  readonly left: readonly number[];
}

function planOf(zones: readonly Zone[], total: number, local: LocalCluster): Plan {
  const own = zones[0]?.locality === local.locality;
  const shares = zones.map(({ locality, healthy }) => ({
    upstream: total === 0 ? 0 : Math.floor((WHOLE * healthy.length) / total),
    callers: healthy.length === 0 || local.healthy === 0 ? 0 : callersIn(locality, local),
  }));
  const first = shares[0];
  if (own && first !== undefined && first.upstream > 0 && first.upstream >= first.callers) {
    return { toOwn: WHOLE, left: [] };
  }
  const toOwn =
    own && first !== undefined && first.callers > 0 ? Math.floor((first.upstream * WHOLE) / first.callers) : 0;
  let sum = 0;
  const left = shares.map(({ upstream, callers }, index) => {
    if (!(own && index === 0)) sum += Math.max(0, upstream - callers);
    return sum;
  });
  return { toOwn, left };
}

function callersIn(locality: string, local: LocalCluster): number {
  return Math.floor((WHOLE * (local.zones.get(locality) ?? 0)) / local.healthy);
}

function chooseZone({ toOwn, left }: Plan, stats: ZoneStats, random: Random): number {
  if (toOwn === WHOLE) {
    stats.allDirectly++;
    return 0;
  }
  if (random() * WHOLE < toOwn) {
    stats.sampled++;
    return 0;
  }
  stats.crossZone++;
  const all = left.at(-1) ?? 0;
  if (all === 0) {
    stats.noCapacity++;
    return Math.floor(random() * left.length);
  }
  const point = random() * all;
  return left.findIndex((until) => point < until);
}
