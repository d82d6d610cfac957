import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type Observation, type RunningProxy } from '../../support/differential.js';
import { ask, type Case, compare, get } from '../../support/differential-cases.js';
import { cluster, httpListener } from '../../support/differential-config.js';
import { type Answer, answer } from '../../support/scripted-upstream.js';

const SLOW: Answer = { steps: [{ wait: 300 }, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'] };
const limits = (thresholds: object): object => ({ circuit_breakers: { thresholds: [thresholds] } });
const ejecting = (more: object = {}): object => ({
  outlier_detection: {
    consecutive_5xx: 3,
    interval: '60s',
    base_ejection_time: '60s',
    max_ejection_percent: 100,
    enforcing_success_rate: 0,
    ...more,
  },
  // Without panic, an ejected host is not there.
  common_lb_config: { healthy_panic_threshold: { value: 0 } },
});

const CLUSTERS = [
  'requests',
  'pending',
  'connections',
  'none',
  'retries',
  'budget',
  'eject',
  'eject-local',
  'eject-gateway',
  'eject-panic',
  'failover',
  'half',
];

/** Where the requests of a run went, in parts of a hundred. */
async function shares(proxy: RunningProxy, path: string, count: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { upstream } = await proxy.run(get(path, {}, { settleMs: 0, logLines: 0 }));
    const at = upstream[0]?.at ?? 'none';
    seen[at] = (seen[at] ?? 0) + 100 / count;
  }
  return seen;
}

const mirrors: readonly Case[] = [
  ['a copy', 200, get('/mirror', { host: 'h:80' }, { upstreamRequests: 2, answers: byHost() })],
  ['a copy with a body', 200, ask('POST', '/mirror', {}, 'body', { upstreamRequests: 2, answers: byHost() })],
  ['a copy without a suffix', 200, get('/mirror-plain', {}, { upstreamRequests: 2, answers: byHost() })],
  ['a copy of none', 200, get('/mirror-none')],
  ['a copy to nowhere', 200, get('/mirror-nowhere')],
  [
    'a copy of a rewritten request',
    200,
    get('/mirror-rewritten/x', { 'x-forwarded-for': '1.2.3.4' }, { upstreamRequests: 2, answers: byHost() }),
  ],
];

function byHost(): (request: { at: string }) => Answer {
  return (request) => answer(request.at === 'a' ? 200 : 500);
}

/** Which of the two comes first is chance. */
function inOrder(observation: Observation): Observation {
  return { ...observation, upstream: [...observation.upstream].sort((x, y) => x.at.localeCompare(y.at)) };
}

describe.skipIf(!Differential.available)(`upstreams as Envoy treats them ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['main'],
      upstreams: ['a', 'b'],
      closed: ['nothing'],
      resources: (port) => {
        const mirror = (name: string, policy: object, action: object = {}): object => ({
          match: { prefix: `/${name}` },
          route: { cluster: 'a', request_mirror_policies: [policy], ...action },
        });
        const all = { default_value: { numerator: 100 } };
        const split = (name: string, weights: readonly number[]): object => ({
          match: { path: `/${name}` },
          route: {
            weighted_clusters: {
              clusters: weights.map((weight, index) => ({ name: index === 0 ? 'a' : 'b', weight })),
            },
          },
        });
        return {
          listeners: [
            httpListener('main', port('main'), {
              route_config: {
                name: 'routes',
                validate_clusters: false,
                virtual_hosts: [
                  {
                    name: 'any',
                    domains: ['*'],
                    routes: [
                      mirror('mirror-plain', {
                        cluster: 'b',
                        runtime_fraction: all,
                        disable_shadow_host_suffix_append: true,
                      }),
                      mirror('mirror-none', { cluster: 'b', runtime_fraction: { default_value: { numerator: 0 } } }),
                      mirror('mirror-nowhere', { cluster: 'nowhere', runtime_fraction: all }),
                      mirror(
                        'mirror-rewritten',
                        { cluster: 'b', runtime_fraction: all },
                        { prefix_rewrite: '/r', host_rewrite_literal: 'new' },
                      ),
                      mirror('mirror', { cluster: 'b', runtime_fraction: all }),
                      split('nine', [90, 10]),
                      split('even', [1, 1]),
                      split('all', [0, 7]),
                      ...CLUSTERS.map((name) => ({
                        match: { path: `/${name}` },
                        route: {
                          cluster: name,
                          ...(name === 'retries' || name === 'budget'
                            ? {
                                retry_policy: {
                                  retry_on: '5xx',
                                  num_retries: 3,
                                  retry_back_off: { base_interval: '0.005s' },
                                },
                              }
                            : {}),
                        },
                      })),
                    ],
                  },
                ],
              },
            }),
          ],
          clusters: [
            cluster('a', [[port('a')]]),
            cluster('b', [[port('b')]]),
            cluster('requests', [[port('a')]], limits({ max_requests: 1 })),
            cluster('pending', [[port('a')]], limits({ max_connections: 1, max_pending_requests: 1 })),
            cluster('connections', [[port('a')]], limits({ max_connections: 1, max_pending_requests: 100 })),
            cluster('none', [[port('a')]], limits({ max_requests: 0 })),
            cluster('retries', [[port('a')]], limits({ max_retries: 0 })),
            cluster(
              'budget',
              [[port('a')]],
              limits({ retry_budget: { budget_percent: { value: 0 }, min_retry_concurrency: 0 } }),
            ),
            cluster('eject', [[port('a')]], ejecting()),
            cluster(
              'eject-local',
              [[port('nothing')]],
              ejecting({ split_external_local_origin_errors: true, consecutive_local_origin_failure: 2 }),
            ),
            cluster(
              'eject-gateway',
              [[port('a')]],
              ejecting({ consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 }),
            ),
            cluster('eject-panic', [[port('a')]], {
              outlier_detection: { consecutive_5xx: 2, interval: '60s', max_ejection_percent: 100 },
            }),
            cluster('failover', [[port('nothing')], [port('b')]], ejecting({ consecutive_5xx: 1 })),
            cluster('half', [[port('a')], [port('b')]]),
          ],
        };
      },
    });
  });

  afterAll(() => both?.stop());

  describe('mirrors', () => {
    it.each(mirrors)('%s', async (_name, _status, exchange) => {
      const { envoy, weft } = await both.run(exchange);
      expect(inOrder(weft)).toEqual(inOrder(envoy));
    });
  });

  describe('weights', () => {
    it.each([
      ['/nine', 90],
      ['/even', 50],
      ['/all', 0],
    ])('%s: %d of a hundred', async (path, expected) => {
      const [envoy, weft] = await Promise.all([shares(both.envoy, path, 300), shares(both.weft, path, 300)]);
      for (const seen of [envoy, weft]) {
        // Four standard deviations of 300 tries at even odds.
        expect(Math.abs((seen['a'] ?? 0) - expected)).toBeLessThan(12);
      }
    });
  });

  describe('limits', () => {
    it.each([
      ['requests', 3],
      ['pending', 4],
      ['connections', 3],
    ])('%s: %d at once', async (name, count) => {
      const answers = [SLOW];
      const run = async (proxy: RunningProxy): Promise<unknown> => {
        const results = await proxy.runTogether(Array.from({ length: count }, () => get(`/${name}`, {}, { answers })));
        return results
          .map(({ responses }) => responses)
          .sort((x, y) => JSON.stringify(x).localeCompare(JSON.stringify(y)));
      };
      const [envoy, weft] = await Promise.all([run(both.envoy), run(both.weft)]);
      expect(weft).toEqual(envoy);
    });

    compare(
      () => both,
      [
        ['no request at all', 503, get('/none')],
        ['no retry at all', 500, get('/retries', {}, { answers: [answer(500, 'a'), answer(200)] })],
        ['no budget for retries', 500, get('/budget', {}, { answers: [answer(500, 'a'), answer(200)] })],
      ],
    );
  });

  describe('ejection', () => {
    const repeat = (path: string, times: number, first: Answer): Case[] =>
      Array.from({ length: times }, (_, index) => [`${path} ${index + 1}`, 'any', get(path, {}, { answers: [first] })]);
    compare(
      () => both,
      [
        ...repeat('/eject', 5, answer(500)),
        ...repeat('/eject-local', 4, answer(200)),
        ...repeat('/eject-gateway', 4, answer(503)),
        ...repeat('/eject-panic', 4, answer(500)),
      ],
    );

    it('fails over to the next priority', async () => {
      const [envoy, weft] = await Promise.all(
        [both.envoy, both.weft].map(async (proxy) => {
          const seen: string[] = [];
          for (let i = 0; i < 5; i++) {
            const { responses, log } = await proxy.run(get('/failover'));
            seen.push(`${responses[0]?.start} ${log[0]?.['flags']} ${log[0]?.['details']}`);
            await delay(20);
          }
          return seen;
        }),
      );
      expect(weft).toEqual(envoy);
      expect(weft?.at(-1)).toBe('HTTP/1.1 200 OK - via_upstream');
    });
  });

  describe('priorities', () => compare(() => both, [['the first', 200, get('/half')]]));
});
