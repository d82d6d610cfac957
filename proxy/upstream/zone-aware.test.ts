import { describe, expect, it } from 'vitest';
import type { BalancerFactory } from './balancers/balancer.js';
import type { ZoneAwareConfig } from './cluster-config.js';
import type { UpstreamHost } from './host.js';
import { LocalCluster } from './local-cluster.js';
import { ZoneStats, zoneAwareBalancer } from './zone-aware.js';

type Counts = Readonly<Record<string, number>>;

/** `{a: 2}`: two hosts in zone a; `-a` are unhealthy ones. */
function hosts(counts: Counts): UpstreamHost[] {
  return Object.entries(counts).flatMap(([name, count]) =>
    Array.from({ length: count }, (_, index) => {
      const availability = name.startsWith('-') ? 'unhealthy' : 'healthy';
      return { locality: name.replace('-', ''), address: `${name}${index}`, weight: 1, availability } as UpstreamHost;
    }),
  );
}

const first: BalancerFactory = (list) => ({ pick: () => list[0]?.host });
const CONFIG: ZoneAwareConfig = { enabled: 1, minClusterSize: 1, panicThreshold: 50, failOnPanic: false };

/** Shares of the zones over evenly spread points; undefined where zones do not count. */
function shares(upstream: Counts, callers: Counts, config: Partial<ZoneAwareConfig> = {}, own = 'a'): unknown {
  const local = new LocalCluster('local_cluster', own, '');
  local.update(hosts(callers));
  const all = hosts(upstream);
  const healthy = all.filter((host) => host.availability === 'healthy');
  let seed = 7;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const balancer = zoneAwareBalancer({ healthy, all }, { ...CONFIG, ...config }, local, new ZoneStats(), first, random);
  if (balancer === undefined) return undefined;
  const counts: Record<string, number> = {};
  for (let i = 0; i < 20_000; i++) {
    const zone = balancer.pick(undefined)?.locality ?? 'none';
    counts[zone] = (counts[zone] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([zone, count]) => [zone, Math.round(count / 1000) / 20]));
}

describe('zone-aware routing', () => {
  it.each<[string, Counts, Counts, unknown]>([
    ['as many hosts as callers here', { a: 2, b: 2 }, { a: 1, b: 1 }, { a: 1 }],
    ['more hosts than callers here', { a: 3, b: 1 }, { a: 1, b: 1 }, { a: 1 }],
    ['half of what the callers here need', { a: 1, b: 1, c: 2 }, { a: 1, b: 1 }, { a: 0.5, c: 0.5 }],
    ['no host here', { b: 1, c: 1 }, { a: 1, b: 1 }, { c: 1 }],
    ['hosts here that are not well', { '-a': 1, b: 1, c: 1 }, { a: 1, b: 1 }, { c: 1 }],
    ['hosts in one zone only', { a: 4 }, { a: 1, b: 1 }, undefined],
    ['callers in one zone only', { a: 1, b: 1 }, { a: 1 }, undefined],
    ['callers elsewhere only', { a: 1, b: 1 }, { b: 1, c: 1 }, undefined],
  ])('%s', (_, upstream, callers, expected) => {
    expect(shares(upstream, callers)).toEqual(expected);
  });

  it('leaves small clusters alone', () => {
    expect(shares({ a: 2, b: 2 }, { a: 1, b: 1 }, { minClusterSize: 5 })).toBeUndefined();
  });

  it('counts for its share of the choices', () => {
    const half = shares({ b: 1, a: 1 }, { a: 1, b: 1 }, { enabled: 0.5 });
    expect(half).toEqual({ a: 0.5, b: 0.5 });
    expect(shares({ b: 1, a: 1 }, { a: 1, b: 1 }, { enabled: 0 })).toEqual({ b: 1 });
  });

  it('goes by nothing, or fails, where too few callers are well', () => {
    const callers = { a: 1, b: 1, '-b': 3 };
    expect(shares({ b: 1, a: 1 }, callers)).toEqual({ b: 1 });
    expect(shares({ b: 1, a: 1 }, callers, { failOnPanic: true })).toEqual({ none: 1 });
  });
});

it('finds its own zone by its address where the bootstrap does not say it', () => {
  const local = new LocalCluster('local_cluster', '//', '10.0.0.1');
  local.update([{ ip: '10.0.0.1', locality: 'europe/paris/', availability: 'healthy' } as UpstreamHost]);
  expect(local.locality).toBe('europe/paris/');
});
