import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type RunningProxy } from '../../support/differential.js';
import { get } from '../../support/differential-cases.js';
import { cluster, httpListener } from '../../support/differential-config.js';
import { answer } from '../../support/scripted-upstream.js';

const CHECK = {
  timeout: '2s',
  interval: '0.1s',
  no_traffic_interval: '0.1s',
  unhealthy_threshold: 2,
  healthy_threshold: 2,
};
const HTTP = { ...CHECK, http_health_check: { path: '/health', host: 'h' } };
const NAMES = ['http', 'range', 'tcp', 'tcp-closed', 'panic'] as const;

/** Envoy tells its workers of health that changes once a second at most. */
const UPDATE_WINDOW_MS = 1100;

async function stat(proxy: RunningProxy, name: string): Promise<number> {
  const text = await proxy.admin(`/stats?filter=${name.replaceAll('.', '\\.')}$`);
  return Number(/: (\d+)/.exec(text)?.[1] ?? -1);
}

async function until(proxy: RunningProxy, name: string, value: number): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; await delay(50)) {
    if ((await stat(proxy, name)) === value) return;
  }
  throw new Error(`${proxy.side}: ${name} is ${await stat(proxy, name)} and not ${value}`);
}

describe.skipIf(!Differential.available)(`active health checks as Envoy's ${Differential.note}`, () => {
  let both: Differential;
  /** What each upstream says to a check. */
  const health: Record<string, number> = { a: 200, b: 200 };
  const answers = (request: { at: string; start: string }) =>
    answer(request.start.includes('/health') ? (health[request.at] ?? 200) : 200);

  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['main'],
      upstreams: ['a', 'b'],
      closed: ['nothing'],
      resources: (port) => ({
        listeners: [
          httpListener('main', port('main'), {
            route_config: {
              name: 'routes',
              virtual_hosts: [
                {
                  name: 'any',
                  domains: ['*'],
                  routes: NAMES.map((name) => ({ match: { path: `/${name}` }, route: { cluster: name } })),
                },
              ],
            },
          }),
        ],
        clusters: [
          cluster('http', [[port('a'), port('b')]], {
            health_checks: [HTTP],
            common_lb_config: { healthy_panic_threshold: { value: 0 } },
          }),
          cluster('range', [[port('a')]], {
            health_checks: [
              { ...CHECK, http_health_check: { path: '/health', expected_statuses: [{ start: 200, end: 600 }] } },
            ],
          }),
          cluster('tcp', [[port('a')]], { health_checks: [{ ...CHECK, tcp_health_check: {} }] }),
          cluster('tcp-closed', [[port('nothing')]], {
            health_checks: [{ ...CHECK, tcp_health_check: {} }],
            common_lb_config: { healthy_panic_threshold: { value: 0 } },
          }),
          cluster('panic', [[port('a'), port('b')]], { health_checks: [HTTP] }),
        ],
      }),
    });
  });

  afterAll(() => both?.stop());

  const sides = <T>(work: (proxy: RunningProxy) => Promise<T>): Promise<T[]> =>
    Promise.all([both.envoy, both.weft].map(work));

  /** Status and flag of one request, and to where it went. */
  const outcome = async (proxy: RunningProxy, path: string): Promise<string> => {
    const { responses, upstream, log } = await proxy.run(get(path, {}, { answers }));
    const reached = upstream.filter(({ start }) => !start.includes('/health')).map(({ at }) => at);
    return `${responses[0]?.start} ${log[0]?.['flags']} ${[...new Set(reached)].join()}`;
  };

  it('an unreachable host gets nothing', async () => {
    const seen = await sides(async (proxy) => {
      await until(proxy, 'cluster.tcp-closed.health_check.healthy', 0);
      return outcome(proxy, '/tcp-closed');
    });
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[0]).toBe('HTTP/1.1 503 Service Unavailable UH ');
  });

  it('a host that connects is healthy', async () => {
    const seen = await sides(async (proxy) => {
      await until(proxy, 'cluster.tcp.health_check.healthy', 1);
      return outcome(proxy, '/tcp');
    });
    expect(seen[1]).toEqual(seen[0]);
  });

  it('a bad answer takes a host out at once, and it comes back after its threshold', async () => {
    const seen = await sides(async (proxy) => {
      await outcome(proxy, '/http');
      await until(proxy, 'cluster.http.health_check.healthy', 2);
      return outcome(proxy, '/range');
    });
    expect(seen[1]).toEqual(seen[0]);
    health['b'] = 500;
    const without = await sides(async (proxy) => {
      await until(proxy, 'cluster.http.health_check.healthy', 1);
      await until(proxy, 'cluster.http.membership_healthy', 1);
      const went: string[] = [];
      await delay(UPDATE_WINDOW_MS);
      for (let i = 0; i < 6; i++) went.push(await outcome(proxy, '/http'));
      return [
        went,
        await stat(proxy, 'cluster.range.health_check.healthy'),
        await stat(proxy, 'cluster.http.health_check.network_failure'),
      ];
    });
    expect(without[1]).toEqual(without[0]);
    expect(without[0]?.[0]).toEqual(Array(6).fill('HTTP/1.1 200 OK - a'));
    health['b'] = 200;
    await sides((proxy) => until(proxy, 'cluster.http.health_check.healthy', 2));
  });

  it('all bad is a panic', async () => {
    health['a'] = 500;
    health['b'] = 500;
    const seen = await sides(async (proxy) => {
      await until(proxy, 'cluster.panic.health_check.healthy', 0);
      await until(proxy, 'cluster.http.membership_healthy', 0);
      const panic = (await outcome(proxy, '/panic')).slice(0, 15);
      let seen = '';
      for (let i = 0; i < 60 && !seen.includes('503'); i++, await delay(50)) seen = await outcome(proxy, '/http');
      return [panic, seen];
    });
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[0]).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 503 Service Unavailable UH ']);
  });
});
