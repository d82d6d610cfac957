import { describe, expect, it } from 'vitest';
import type { UpstreamHost } from './host.js';
import { LocalityBalancer, localityShares } from './locality.js';

const hosts = (locality: string, count: number): UpstreamHost[] =>
  Array.from(
    { length: count },
    (_, index) => ({ locality, address: `${locality}${index}`, weight: 1 }) as UpstreamHost,
  );

describe('localityShares', () => {
  const all = [...hosts('a', 4), ...hosts('b', 4)];
  const weights = [
    { priority: 0, locality: 'a', weight: 70 },
    { priority: 0, locality: 'b', weight: 30 },
  ];
  const weightsWith = (healthyInA: number): number[] => {
    const gone = new Set(all.filter((host) => host.locality === 'a').slice(healthyInA));
    const eligible = all.filter((host) => !gone.has(host));
    return localityShares(eligible, all, weights, 140).map((share) => Math.round(share.weight * 100) / 100);
  };

  it.each([
    [4, [70, 30]],
    // Overprovisioning makes up for less than three tenths.
    [3, [70, 30]],
    [2, [49, 30]],
    [1, [24.5, 30]],
    [0, [30]],
  ])('with %d of 4 hosts in the first locality', (healthy, expected) => {
    expect(weightsWith(healthy)).toEqual(expected);
  });
});

it('chooses a locality by its weight, whatever its number of hosts', () => {
  const [a, b] = [hosts('a', 1), hosts('b', 9)];
  const balancer = new LocalityBalancer(
    [
      { hosts: a, weight: 3 },
      { hosts: b, weight: 1 },
    ],
    (entries) => ({ pick: () => entries[0]?.host }),
    () => 0,
  );
  const picked = Array.from({ length: 400 }, () => balancer.pick(undefined)?.locality);
  expect(picked.filter((locality) => locality === 'a')).toHaveLength(300);
});
