import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../common/runtime/testing.js';
import { PLAINTEXT } from '../compile-transport.js';
import { UpstreamHost } from '../host.js';
import type { WeightedHost } from './balancer.js';
import { leastRequest } from './least-request.js';
import { roundRobin } from './round-robin.js';
import { type SlowStart, WarmUp } from './warm-up.js';

const MINUTE: SlowStart = { windowMs: 60_000, aggression: 1, minimum: 0.1 };

function host(readySince: number, weight = 1): WeightedHost {
  const made = new UpstreamHost('10.0.0.1', 80, PLAINTEXT, false);
  made.readySince = readySince;
  return { host: made, weight };
}

describe('the weight of a host that has joined lately', () => {
  it.each([
    // Envoy: weight * max(minimum, (age / window) ^ (1 / aggression)).
    [0, 1, 0.1],
    [6_000, 1, 0.1],
    [15_000, 1, 0.25],
    [15_000, 2, 0.5],
    [30_000, 1, 0.5],
    [59_999, 1, 0.99998],
    [60_000, 1, 1],
    [600_000, 1, 1],
  ])('after %d ms with aggression %d is %d of its own', (age, aggression, part) => {
    const warmUp = new WarmUp({ ...MINUTE, aggression }, () => 1_000_000);
    expect(warmUp.weight(host(1_000_000 - age, 3))).toBeCloseTo(3 * part, 3);
  });

  it('is the whole where the host is not healthy', () => {
    const entry = host(1_000_000);
    entry.host.ejected = true;
    expect(new WarmUp(MINUTE, () => 1_000_000).weight(entry)).toBe(1);
  });
});

describe.each([
  ['round robin', (warmUp: WarmUp, list: WeightedHost[]) => roundRobin(list, seededRandom(1), warmUp)],
  ['least request', (warmUp: WarmUp, list: WeightedHost[]) => leastRequest(2, 1, warmUp)(list, seededRandom(1))],
] as const)('%s', (_name, make) => {
  it('gives a new host little, and its share when it is warm', () => {
    let now = 1_000_000;
    const list = [host(0), host(now)];
    const balancer = make(new WarmUp(MINUTE, () => now), list);
    const share = (): number => {
      let count = 0;
      for (let i = 0; i < 1100; i++) if (balancer.pick(undefined) === list[1]?.host) count++;
      return count / 1100;
    };
    expect(share()).toBeCloseTo(0.1 / 1.1, 1);
    now += 30_000;
    expect(share()).toBeCloseTo(0.5 / 1.5, 1);
    now += 30_000;
    expect(share()).toBeCloseTo(0.5, 1);
  });
});
