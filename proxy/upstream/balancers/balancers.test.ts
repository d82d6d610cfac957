import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../common/runtime/testing.js';
import { PLAINTEXT } from '../compile-transport.js';
import { UpstreamHost } from '../host.js';
import { xxHash64 } from '../xxhash64.js';
import type { BalancerFactory, WeightedHost } from './balancer.js';
import { leastRequest } from './least-request.js';
import { maglev } from './maglev.js';
import { randomBalancer } from './random.js';
import { ringHash } from './ring-hash.js';
import { roundRobin } from './round-robin.js';

function hosts(...weights: number[]): WeightedHost[] {
  return weights.map((weight, i) => ({ host: new UpstreamHost(`10.0.0.${i + 1}`, 80, PLAINTEXT, false), weight }));
}

function shares(factory: BalancerFactory, list: readonly WeightedHost[], picks: number): number[] {
  const balancer = factory(list, seededRandom(1));
  const counts = new Map<UpstreamHost, number>();
  for (let i = 0; i < picks; i++) {
    const host = balancer.pick(xxHash64(`request ${i}`));
    if (host !== undefined) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return list.map((entry) => (counts.get(entry.host) ?? 0) / picks);
}

const factories: readonly (readonly [string, BalancerFactory])[] = [
  ['round robin', roundRobin],
  ['least request', leastRequest(2, 1)],
  ['random', randomBalancer],
  ['ring hash', ringHash(1024, 8192, false)],
  ['maglev', maglev(65_537, false)],
];

describe.each(factories)('%s', (name, factory) => {
  it('has nothing to pick without hosts', () => {
    expect(factory([], seededRandom(1)).pick(undefined)).toBeUndefined();
    expect(factory([], seededRandom(1)).pick(7n)).toBeUndefined();
  });

  it('always picks the only host', () => {
    const [only] = hosts(3);
    const balancer = factory([only!], seededRandom(1));
    for (let i = 0; i < 10; i++) expect(balancer.pick(BigInt(i))).toBe(only!.host);
  });

  it('picks without a hash', () => {
    const balancer = factory(hosts(1, 1, 1), seededRandom(1));
    expect(balancer.pick(undefined)).toBeInstanceOf(UpstreamHost);
  });

  it('spreads evenly over equal hosts', () => {
    for (const share of shares(factory, hosts(1, 1, 1, 1), 4000)) expect(share).toBeCloseTo(0.25, 1);
  });

  it.skipIf(name === 'random')('spreads by weight', () => {
    const [light, heavy] = shares(factory, hosts(1, 3), 4000);
    expect(light).toBeCloseTo(0.25, 1);
    expect(heavy).toBeCloseTo(0.75, 1);
  });
});

describe.each(factories.filter(([name]) => name === 'ring hash' || name === 'maglev'))('%s', (_, factory) => {
  const keys = Array.from({ length: 2000 }, (_, i) => xxHash64(`user ${i}`));

  it('sends the same hash to the same host, in whatever order the hosts come', () => {
    const list = hosts(1, 1, 1, 1, 1);
    const one = factory(list, seededRandom(1));
    const other = factory(list.toReversed(), seededRandom(2));
    for (const key of keys) expect(one.pick(key)).toBe(other.pick(key));
  });

  it('moves little but the requests of a host that goes', () => {
    const list = hosts(1, 1, 1, 1, 1);
    const gone = list[2]!.host;
    const before = factory(list, seededRandom(1));
    const after = factory(
      list.filter((entry) => entry.host !== gone),
      seededRandom(1),
    );
    const moved = keys.filter((key) => before.pick(key) !== gone && before.pick(key) !== after.pick(key));
    expect(moved.length / keys.length).toBeLessThan(0.2);
  });
});

it('round robin visits all hosts in turn', () => {
  const list = hosts(1, 1, 1);
  const balancer = roundRobin(list, () => 0);
  const picked = Array.from({ length: 6 }, () => balancer.pick(undefined)?.address);
  expect(picked).toEqual([...list, ...list].map((entry) => entry.host.address));
});

it('least request avoids the busier host of the two that it looks at', () => {
  const list = hosts(1, 1);
  list[0]!.host.activeRequests = 5;
  const random = [0, 0.9, 0.9, 0];
  const balancer = leastRequest(2, 1)(list, () => random.shift() ?? 0);
  expect(balancer.pick(undefined)).toBe(list[1]!.host);
  expect(balancer.pick(undefined)).toBe(list[1]!.host);
});
