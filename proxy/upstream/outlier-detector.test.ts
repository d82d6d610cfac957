import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import type { OutlierDetection } from '../../proto/gen/envoy/config/cluster/v3/OutlierDetection.js';
import { compileOutlier } from './compile-limits.js';
import { PLAINTEXT } from './compile-transport.js';
import { FieldReport } from './fields.js';
import { UpstreamHost } from './host.js';
import { OutlierDetector } from './outlier-detector.js';

let clock: ManualClock;
let changes: number;
beforeEach(() => {
  clock = new ManualClock();
  changes = 0;
});

function detector(count: number, message: OutlierDetection): { hosts: UpstreamHost[]; detector: OutlierDetector } {
  const config = compileOutlier({ max_ejection_percent: { value: 100 }, ...message }, undefined, new FieldReport());
  const made = new OutlierDetector(config, { clock, random: () => 0.5 }, () => changes++);
  const hosts = Array.from({ length: count }, (_, i) => new UpstreamHost(`10.0.0.${i + 1}`, 80, PLAINTEXT, false));
  made.setHosts(hosts);
  return { hosts, detector: made };
}

function answers(target: OutlierDetector, host: UpstreamHost, status: number, times: number): void {
  for (let i = 0; i < times; i++) target.report(host, { kind: 'response', status });
}

describe('failures in a row', () => {
  it('ejects at the configured number, and only then', () => {
    const { hosts, detector: target } = detector(2, { consecutive_5xx: { value: 3 } });
    answers(target, hosts[0]!, 500, 2);
    answers(target, hosts[0]!, 200, 1);
    answers(target, hosts[0]!, 500, 2);
    expect(hosts[0]!.ejected).toBe(false);
    answers(target, hosts[0]!, 500, 1);
    expect(hosts[0]!.ejected).toBe(true);
    expect(changes).toBe(1);
    expect(target.stats).toMatchObject({ ejectionsActive: 1, enforced: { consecutive_5xx: 1 } });
  });

  it('counts local failures as 5xx without the split', () => {
    const { hosts, detector: target } = detector(2, { consecutive_5xx: { value: 2 } });
    target.report(hosts[0]!, { kind: 'connect-failure' });
    target.report(hosts[0]!, { kind: 'timeout' });
    expect(hosts[0]!.ejected).toBe(true);
  });

  it('counts local failures apart with the split', () => {
    const { hosts, detector: target } = detector(2, {
      consecutive_5xx: { value: 2 },
      consecutive_local_origin_failure: { value: 3 },
      split_external_local_origin_errors: true,
    });
    for (let i = 0; i < 2; i++) target.report(hosts[0]!, { kind: 'connect-failure' });
    expect(hosts[0]!.ejected).toBe(false);
    target.report(hosts[0]!, { kind: 'reset' });
    expect(hosts[0]!.ejected).toBe(true);
    expect(target.stats.enforced.consecutive_local_origin_failure).toBe(1);
  });

  it('only detects what is not enforced', () => {
    const { hosts, detector: target } = detector(2, {
      consecutive_5xx: { value: 1 },
      enforcing_consecutive_5xx: { value: 0 },
    });
    answers(target, hosts[0]!, 500, 1);
    expect(hosts[0]!.ejected).toBe(false);
    expect(target.stats.detected.consecutive_5xx).toBe(1);
  });

  it('counts gateway failures by themselves', () => {
    const { hosts, detector: target } = detector(2, {
      consecutive_gateway_failure: { value: 2 },
      enforcing_consecutive_gateway_failure: { value: 100 },
      consecutive_5xx: { value: 100 },
    });
    answers(target, hosts[0]!, 503, 1);
    answers(target, hosts[0]!, 500, 1);
    answers(target, hosts[0]!, 503, 1);
    expect(hosts[0]!.ejected).toBe(false);
    answers(target, hosts[0]!, 502, 1);
    expect(hosts[0]!.ejected).toBe(true);
  });
});

describe('limits', () => {
  it('ejects no more than the configured share', () => {
    const { hosts, detector: target } = detector(4, {
      consecutive_5xx: { value: 1 },
      max_ejection_percent: { value: 50 },
    });
    for (const host of hosts) answers(target, host, 500, 1);
    expect(hosts.filter((host) => host.ejected)).toHaveLength(2);
    expect(target.stats.ejectionsOverflow).toBe(2);
  });

  it('ejects one in any case where that is asked for', () => {
    const { hosts, detector: target } = detector(2, {
      consecutive_5xx: { value: 1 },
      max_ejection_percent: { value: 1 },
      always_eject_one_host: { value: true },
    });
    for (const host of hosts) answers(target, host, 500, 1);
    expect(hosts.map((host) => host.ejected)).toEqual([true, false]);
  });
});

describe('time', () => {
  it('lets a host back in at a sweep after its time, longer after every ejection', () => {
    const { hosts, detector: target } = detector(2, {
      consecutive_5xx: { value: 1 },
      interval: { seconds: 1 },
      base_ejection_time: { seconds: 3 },
    });
    const host = hosts[0]!;
    answers(target, host, 500, 1);
    clock.advance(2999);
    expect(host.ejected).toBe(true);
    clock.advance(1);
    expect(host.ejected).toBe(false);
    expect(changes).toBe(2);
    answers(target, host, 500, 1);
    clock.advance(3000);
    expect(host.ejected).toBe(true);
    clock.advance(3000);
    expect(host.ejected).toBe(false);
  });

  it('stops its timer with the cluster', () => {
    const { detector: target } = detector(2, {});
    expect(clock.pending).toBe(1);
    target.close();
    expect(clock.pending).toBe(0);
  });
});

describe('rates', () => {
  it('ejects what lies far below the others', () => {
    const { hosts, detector: target } = detector(5, {
      consecutive_5xx: { value: 1000 },
      success_rate_request_volume: { value: 10 },
    });
    for (const host of hosts) answers(target, host, 200, 100);
    answers(target, hosts[4]!, 500, 100);
    clock.advance(10_000);
    expect(hosts.map((host) => host.ejected)).toEqual([false, false, false, false, true]);
  });

  it('ejects by share of failures where enforced', () => {
    const { hosts, detector: target } = detector(5, {
      consecutive_5xx: { value: 1000 },
      enforcing_success_rate: { value: 0 },
      enforcing_failure_percentage: { value: 100 },
      failure_percentage_threshold: { value: 60 },
    });
    for (const host of hosts) answers(target, host, 200, 50);
    answers(target, hosts[0]!, 500, 100);
    answers(target, hosts[1]!, 500, 50);
    clock.advance(10_000);
    expect(hosts.map((host) => host.ejected)).toEqual([true, false, false, false, false]);
  });

  it('judges nobody by too few requests', () => {
    const { hosts, detector: target } = detector(5, { consecutive_5xx: { value: 1000 } });
    for (const host of hosts) answers(target, host, 200, 99);
    answers(target, hosts[4]!, 500, 90);
    clock.advance(10_000);
    expect(hosts.some((host) => host.ejected)).toBe(false);
  });
});

it('keeps ejections and counters of hosts that stay', () => {
  const { hosts, detector: target } = detector(3, { consecutive_5xx: { value: 2 } });
  answers(target, hosts[0]!, 500, 2);
  answers(target, hosts[1]!, 500, 1);
  target.setHosts(hosts.slice(0, 2));
  expect(hosts[0]!.ejected).toBe(true);
  answers(target, hosts[1]!, 500, 1);
  expect(hosts[1]!.ejected).toBe(true);
  target.setHosts(hosts.slice(1));
  expect(target.stats.ejectionsActive).toBe(1);
});
