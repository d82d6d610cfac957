import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential } from '../../support/differential.js';
import { get } from '../../support/differential-cases.js';
import { cluster, filter, httpListener } from '../../support/differential-config.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const ALL = { default_value: { numerator: 100 } };
const bucket = (max_tokens: number): object => ({ max_tokens, tokens_per_fill: 1, fill_interval: '600s' });
const descriptor = (entries: Record<string, string>, tokens: number, more: object = {}): object => ({
  entries: Object.entries(entries).map(([key, value]) => (value === '' ? { key } : { key, value })),
  token_bucket: bucket(tokens),
  ...more,
});
const generic = (value: string): object => ({ actions: [{ generic_key: { descriptor_value: value } }] });
const limit = (descriptors: readonly object[], more: object = {}): object => ({
  'envoy.filters.http.local_ratelimit': {
    '@type': TYPE,
    stat_prefix: 'limit',
    token_bucket: bucket(4),
    filter_enabled: ALL,
    filter_enforced: ALL,
    descriptors,
    ...more,
  },
});
const route = (path: string, rate_limits: readonly object[], perFilter: object): object => ({
  name: path,
  match: { prefix: path },
  route: { cluster: 'a', rate_limits },
  typed_per_filter_config: perFilter,
});
const header = (name: string, skip_if_absent = false): object => ({
  request_headers: { header_name: name, descriptor_key: name, skip_if_absent },
});
const HEADERS = { enable_x_ratelimit_headers: 'DRAFT_VERSION_03' };

const ROUTES = [
  route('/generic', [generic('slow')], limit([descriptor({ generic_key: 'slow' }, 1)])),
  route('/other', [generic('fast')], limit([descriptor({ generic_key: 'slow' }, 1)])),
  route('/header', [{ actions: [header('x-who')] }], limit([descriptor({ 'x-who': 'a' }, 1)])),
  route('/any', [{ actions: [header('x-who')] }], limit([descriptor({ 'x-who': '' }, 1)])),
  route(
    '/lru',
    [{ actions: [header('x-who')] }],
    limit([descriptor({ 'x-who': '' }, 1)], { max_dynamic_descriptors: 2, token_bucket: bucket(50) }),
  ),
  route(
    '/two',
    [{ actions: [header('x-who'), { generic_key: { descriptor_key: 'what', descriptor_value: 'v' } }] }],
    limit([descriptor({ 'x-who': 'a', what: 'v' }, 2)]),
  ),
  route(
    '/skip',
    [{ actions: [header('x-who', true), { generic_key: { descriptor_value: 'v' } }] }],
    limit([descriptor({ generic_key: 'v' }, 1)]),
  ),
  route('/address', [{ actions: [{ remote_address: {} }] }], limit([descriptor({ remote_address: '127.0.0.1' }, 1)])),
  route(
    '/masked',
    [{ actions: [{ masked_remote_address: { v4_prefix_mask_len: 8 } }] }],
    limit([descriptor({ masked_remote_address: '127.0.0.0/8' }, 1)]),
  ),
  route(
    '/cluster',
    [{ actions: [{ source_cluster: {} }, { destination_cluster: {} }] }],
    limit([descriptor({ source_cluster: 'test', destination_cluster: 'a' }, 1)]),
  ),
  route(
    '/match',
    [
      {
        actions: [
          { header_value_match: { descriptor_value: 'm', headers: [{ name: 'x-who', string_match: { exact: 'a' } }] } },
        ],
      },
    ],
    limit([descriptor({ header_match: 'm' }, 1)]),
  ),
  route(
    '/unmatch',
    [
      {
        actions: [
          {
            header_value_match: {
              descriptor_value: 'm',
              expect_match: false,
              headers: [{ name: 'x-who', string_match: { exact: 'a' } }],
            },
          },
        ],
      },
    ],
    limit([descriptor({ header_match: 'm' }, 1)]),
  ),
  route(
    '/query',
    [
      {
        actions: [
          {
            query_parameter_value_match: {
              descriptor_value: 'q',
              query_parameters: [{ name: 'who', string_match: { exact: 'a' } }],
            },
          },
        ],
      },
    ],
    limit([descriptor({ query_match: 'q' }, 1)]),
  ),
  route(
    '/apart',
    [generic('v')],
    limit([descriptor({ generic_key: 'v' }, 6)], { always_consume_default_token_bucket: false }),
  ),
  route('/stage', [{ stage: 1, ...generic('v') }], limit([descriptor({ generic_key: 'v' }, 1)])),
  route('/staged', [{ stage: 1, ...generic('v') }], limit([descriptor({ generic_key: 'v' }, 1)], { stage: 1 })),
  route('/disabled', [{ disable_key: 'k', ...generic('v') }], limit([descriptor({ generic_key: 'v' }, 1)])),
  route('/host', [], limit([descriptor({ generic_key: 'host' }, 1)])),
  route('/override', [generic('v')], limit([descriptor({ generic_key: 'host' }, 1)])),
  route('/include', [generic('v')], limit([descriptor({ generic_key: 'host' }, 1)], { vh_rate_limits: 'INCLUDE' })),
  route('/ignore', [], limit([descriptor({ generic_key: 'host' }, 1)], { vh_rate_limits: 'IGNORE' })),
  route(
    '/embedded',
    [generic('unused')],
    limit([descriptor({ generic_key: 'v' }, 1)], { rate_limits: [generic('v')] }),
  ),
  route(
    '/shadow',
    [generic('v')],
    limit([descriptor({ generic_key: 'v' }, 1, { shadow_mode: true })], { token_bucket: bucket(50) }),
  ),
  route('/told', [generic('v')], limit([descriptor({ generic_key: 'v' }, 3)], HEADERS)),
  route('/plainly-told', [], limit([], { ...HEADERS, enable_retry_after_header: true })),
  route(
    '/later',
    [],
    limit([], {
      enable_retry_after_header: true,
      response_headers_to_add: [{ header: { key: 'retry-after', value: '7' } }],
    }),
  ),
];

/** The two are asked one after the other: a second may lie between them. */
function timeless<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replaceAll(/"(?:59\d|600)"/g, '"about 600"')) as T;
}

describe.skipIf(!Differential.available)(`descriptors of local rate limits ${Differential.note}`, () => {
  let both: Differential;
  beforeAll(async () => {
    const host = { name: 'h', domains: ['*'], rate_limits: [generic('host')], routes: ROUTES };
    both = await Differential.start({
      listeners: ['plain'],
      upstreams: ['one'],
      resources: (port) => ({
        listeners: [
          httpListener('plain', port('plain'), { route_config: { virtual_hosts: [host] } }, [
            filter('local_ratelimit', 'local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'own' }),
          ]),
        ],
        clusters: [cluster('a', [[port('one')]])],
      }),
    });
  });
  afterAll(() => both?.stop());

  it.each([
    ['/generic', {}, 1],
    ['/other', {}, 4],
    ['/header', { 'x-who': 'a' }, 1],
    ['/header/none', {}, 3],
    ['/any', { 'x-who': 'a' }, 1],
    ['/any', { 'x-who': 'b' }, 1],
    ['/two', { 'x-who': 'a' }, 2],
    ['/skip', {}, 1],
    ['/address', {}, 1],
    ['/masked', {}, 1],
    ['/cluster', {}, undefined],
    ['/match', { 'x-who': 'a' }, 1],
    ['/unmatch', { 'x-who': 'a' }, 4],
    ['/query?who=a', {}, 1],
    ['/apart', {}, 6],
    ['/stage', {}, undefined],
    ['/staged', {}, undefined],
    ['/disabled', {}, 4],
    ['/host', {}, 1],
    ['/override', {}, 4],
    ['/include', {}, 1],
    ['/ignore', {}, 4],
    ['/embedded', {}, 1],
    ['/shadow', {}, undefined],
    ['/told', {}, 3],
    ['/plainly-told', {}, 4],
    ['/later', {}, 4],
  ] as const)('%s %o: %s requests pass', async (path, headers, passing) => {
    for (let i = 0; i < (passing ?? 4) + 2; i++) {
      const { envoy, weft } = timeless(await both.run(get(path, headers)));
      expect(weft).toEqual(envoy);
      if (passing !== undefined) expect(envoy.responses[0]?.start.split(' ')[1]).toBe(i < passing ? '200' : '429');
    }
  });

  it('keeps so many buckets of an open descriptor, the last used', async () => {
    for (const who of ['a', 'b', 'a', 'c', 'a', 'b', 'c', 'a', 'b']) {
      const { envoy, weft } = await both.run(get('/lru', { 'x-who': who }));
      expect(weft).toEqual(envoy);
    }
  });

  it('counts alike', async () => {
    const counted = async (side: 'envoy' | 'weft'): Promise<string[]> =>
      (await both[side].admin('/stats'))
        .split('\n')
        .filter((line) => line.startsWith('limit.http_local_rate_limit'))
        .sort();
    expect(await counted('weft')).toEqual(await counted('envoy'));
  });
});
