import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential } from '../../support/differential.js';
import { ask, get } from '../../support/differential-cases.js';
import { cluster, filter, httpListener } from '../../support/differential-config.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const ALL = { default_value: { numerator: 100 } };
const BUCKET = { max_tokens: 2, tokens_per_fill: 1, fill_interval: '600s' };
const limit = (more: object): object => ({
  'envoy.filters.http.local_ratelimit': {
    '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: 'limit',
    token_bucket: BUCKET,
    filter_enabled: ALL,
    filter_enforced: ALL,
    ...more,
  },
});
const route = (path: string, perFilter: object = {}): object => ({
  name: path,
  match: { prefix: path },
  route: { cluster: 'a' },
  typed_per_filter_config: perFilter,
});
const append = (key: string, value: string, append_action = 'APPEND_IF_EXISTS_OR_ADD'): object => ({
  append: { header: { key, value }, append_action },
});

const ROUTES = [
  route('/plain', limit({})),
  route('/status', limit({ status: { code: 'ServiceUnavailable' } })),
  route('/success', limit({ status: { code: 'OK' } })),
  route('/headers', limit({ response_headers_to_add: [{ header: { key: 'x-limit', value: '%PROTOCOL%' } }] })),
  route('/exhausted', limit({ rate_limited_as_resource_exhausted: true })),
  route('/disabled', limit({ filter_enabled: { default_value: { numerator: 0 } } })),
  route('/default', limit({ filter_enabled: undefined, filter_enforced: undefined })),
  route(
    '/lenient',
    limit({
      filter_enforced: { default_value: { numerator: 0 } },
      request_headers_to_add_when_not_enforced: [{ header: { key: 'x-over', value: 'yes' } }],
    }),
  ),
  route('/connection', limit({ local_rate_limit_per_downstream_connection: true })),
  route('/mutated', {
    'envoy.filters.http.header_mutation': {
      '@type': `${TYPE}.header_mutation.v3.HeaderMutationPerRoute`,
      mutations: {
        request_mutations: [append('x-order', 'route'), { remove: 'x-gone' }, append('x-gone', 'again')],
        response_mutations: [append('x-status', '%RESPONSE_CODE%'), { remove: 'x-secret' }],
      },
    },
  }),
  route('/'),
];

describe.skipIf(!Differential.available)(`local rate limits and header mutation ${Differential.note}`, () => {
  let both: Differential;
  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['plain'],
      upstreams: ['one'],
      resources: (port) => ({
        listeners: [
          httpListener(
            'plain',
            port('plain'),
            { route_config: { virtual_hosts: [{ name: 'h', domains: ['*'], routes: ROUTES }] } },
            [
              filter('local_ratelimit', 'local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'own' }),
              filter('header_mutation', 'header_mutation.v3.HeaderMutation', {
                mutations: {
                  request_mutations: [append('x-order', 'chain'), append('x-set', 'new', 'OVERWRITE_IF_EXISTS_OR_ADD')],
                  response_mutations: [append('x-chain', 'yes')],
                },
              }),
            ],
          ),
        ],
        clusters: [cluster('a', [[port('one')]])],
      }),
    });
  });
  afterAll(() => both?.stop());

  it.each([
    ['/plain', '429'],
    ['/status', '503'],
    ['/success', '429'],
    ['/headers', '429'],
    ['/disabled', '200'],
    ['/default', '200'],
    ['/lenient', '200'],
    ['/connection', '200'],
    ['/', '200'],
  ])('%s: two requests pass, the third gets %s', async (path, third) => {
    for (let i = 0; i < 3; i++) {
      const { envoy, weft } = await both.run(get(path));
      expect(weft).toEqual(envoy);
      expect(envoy.responses[0]?.start.split(' ')[1]).toBe(i < 2 ? '200' : third);
    }
  });

  it('answers gRPC with a status', async () => {
    for (let i = 0; i < 3; i++) {
      const { envoy, weft } = await both.run(ask('POST', '/exhausted', { 'content-type': 'application/grpc' }));
      expect(weft).toEqual(envoy);
    }
  });

  it('mutates in the order of the lists', async () => {
    const answers = [{ steps: ['HTTP/1.1 201 Created\r\nx-secret: s\r\ncontent-length: 0\r\n\r\n'] }];
    const { envoy, weft } = await both.run(
      get('/mutated', { 'x-gone': '1', 'x-set': 'old', 'x-order': 'client' }, { answers }),
    );
    expect(weft).toEqual(envoy);
    expect(envoy.responses[0]?.headers).toContainEqual(['x-status', '201']);
  });

  it('counts alike', async () => {
    // Shadow mode is a descriptor's, of which we have none.
    const counted = async (side: 'envoy' | 'weft'): Promise<string[]> =>
      (await both[side].admin('/stats'))
        .split('\n')
        .filter((line) => line.startsWith('limit.http_local_rate_limit') && !line.includes('shadow_mode'))
        .sort();
    const [envoy, weft] = [await counted('envoy'), await counted('weft')];
    expect(weft).toEqual(envoy);
    expect(envoy).toContainEqual(expect.stringMatching(/enforced: [1-9]/));
  });
});
