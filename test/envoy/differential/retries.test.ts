import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type Exchange } from '../../support/differential.js';
import { ask, type Case, compare, get, request } from '../../support/differential-cases.js';
import { cluster, httpListener } from '../../support/differential-config.js';
import { type Answer, answer } from '../../support/scripted-upstream.js';

const BACK_OFF = { base_interval: '0.005s', max_interval: '0.01s' };

const retry = (name: string, policy: object, action: object = {}): object => ({
  name,
  match: { path: `/${name}` },
  route: { cluster: 'a', ...action, retry_policy: { retry_back_off: BACK_OFF, ...policy } },
});

const CONDITIONS = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

const RESET: Answer = { steps: ['reset'] };
const CLOSED: Answer = { steps: ['end'] };
const RESET_EARLY: Answer = { early: true, steps: ['reset'] };
const GARBAGE: Answer = { steps: ['nonsense\r\n\r\n', 'end'] };
const OK = answer(200, 'ok');

/** First answers that a condition may or may not want to be tried again. */
const FIRST: Readonly<Record<string, Answer>> = {
  '500': answer(500, 'a'),
  '503': answer(503, 'a'),
  '502 limited': answer(502, 'a', { 'x-envoy-ratelimited': 'true' }),
  '429 limited': answer(429, '', { 'x-envoy-ratelimited': 'true' }),
  '409': answer(409, 'a'),
  '404': answer(404, 'a'),
  '423': answer(423, 'a'),
  'x-again': answer(200, 'a', { 'x-again': 'yes' }),
  'grpc 1': answer(200, '', { 'grpc-status': '1' }),
  'grpc 4': answer(200, '', { 'grpc-status': '4' }),
  'grpc 8': answer(200, '', { 'grpc-status': '8' }),
  'grpc 13': answer(200, '', { 'grpc-status': '13' }),
  'grpc 14': answer(200, '', { 'grpc-status': '14' }),
  reset: RESET,
  closed: CLOSED,
  garbage: GARBAGE,
};

/** Whether Envoy tries again; what it does with each is compared anyway. */
function conditions(): Exchange[] {
  return CONDITIONS.flatMap((condition) =>
    Object.values(FIRST).map((first) => get(`/${condition}`, {}, { answers: [first, OK] })),
  );
}

const slow = (ms: number): Answer => ({ steps: [{ wait: ms }, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'] });
const NEVER: Answer = { steps: [{ wait: 20_000 }] };

const fine = { answers: [answer(200), answer(201)] };

const retries: readonly Case[] = [
  [
    'not for a good answer, header names',
    200,
    get('/plain', { 'x-envoy-retry-on': '5xx', 'x-envoy-retriable-header-names': 'x-again' }, fine),
  ],
  [
    'not for a good answer, statuses',
    200,
    get('/plain', { 'x-envoy-retry-on': '5xx', 'x-envoy-retriable-status-codes': '418' }, fine),
  ],
  [
    'not for a good answer, gRPC',
    200,
    get('/plain', { 'x-envoy-retry-on': '5xx', 'x-envoy-retry-grpc-on': 'cancelled' }, fine),
  ],
  [
    'not for a good answer, hedging off',
    200,
    get('/plain', { 'x-envoy-retry-on': '5xx', 'x-envoy-hedge-on-per-try-timeout': 'false' }, fine),
  ],
  ['twice', 200, get('/twice', {}, { answers: [answer(503), answer(503), OK] })],
  ['too often', 503, get('/twice', {}, { answers: [answer(503, 'last')] })],
  ['too often, reset', 503, get('/twice', {}, { answers: [RESET] })],
  ['none allowed', 503, get('/zero', {}, { answers: [answer(503), OK] })],
  ['a body', 200, ask('POST', '/twice', {}, 'body', { answers: [answer(503), OK] })],
  [
    'a chunked body',
    200,
    {
      send: [request('POST', '/twice', { 'transfer-encoding': 'chunked' }, '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n')],
      answers: [answer(503), OK],
    },
  ],
  [
    'answered before the body is there',
    200,
    {
      send: [request('POST', '/twice', { 'content-length': '4' }, 'bo'), { wait: 150 }, 'dy'],
      answers: [{ early: true, steps: ['HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'] }, OK],
    },
  ],
  ['a status that is named', 200, get('/codes', {}, { answers: [answer(423), answer(404), OK] })],
  ['a status that is not named', 410, get('/codes', {}, { answers: [answer(410), OK] })],
  ['by the request’s headers', 200, get('/plain', { 'x-envoy-retry-on': '5xx' }, { answers: [answer(500), OK] })],
  [
    'by the request’s headers, so often',
    200,
    get(
      '/plain',
      { 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '3' },
      { answers: [answer(500), RESET, answer(503), OK] },
    ),
  ],
  [
    'by the request’s headers, never',
    503,
    get('/twice', { 'x-envoy-max-retries': '0' }, { answers: [answer(503), OK] }),
  ],
  [
    'by the request’s headers, statuses',
    200,
    get(
      '/plain',
      { 'x-envoy-retry-on': 'retriable-status-codes', 'x-envoy-retriable-status-codes': '404, 410' },
      { answers: [answer(410), OK] },
    ),
  ],
  [
    'by the request’s headers, header names',
    200,
    get(
      '/plain',
      { 'x-envoy-retry-on': 'retriable-headers', 'x-envoy-retriable-header-names': 'X-Again' },
      { answers: [answer(200, '', { 'x-again': '1' }), OK] },
    ),
  ],
  [
    'by the request’s headers, gRPC',
    200,
    get(
      '/plain',
      { 'x-envoy-retry-grpc-on': 'unavailable' },
      { answers: [answer(200, '', { 'grpc-status': '14' }), OK] },
    ),
  ],
  ['by nonsense', 500, get('/plain', { 'x-envoy-retry-on': 'nonsense' }, { answers: [answer(500), OK] })],
  ['no number of retries', 200, get('/twice', { 'x-envoy-max-retries': 'x' }, { answers: [answer(500), OK] })],
  ['only requests with a header', 200, get('/some', { 'x-may': '1' }, { answers: [answer(500), OK] })],
  ['not requests without it', 500, get('/some', {}, { answers: [answer(500), OK] })],
  ['refused always', 503, get('/refused')],
  ['attempt counts', 200, get('/counted', { host: 'counted' }, { answers: [answer(503), answer(500), OK] })],
  ['after a timeout, told', 200, get('/told', { host: 'counted' }, { answers: [NEVER, OK] })],
  ['per try', 200, get('/try', {}, { answers: [NEVER, OK] })],
  ['per try, too often', 504, get('/try', {}, { answers: [NEVER] })],
  [
    'per try, by the request',
    504,
    get('/plain', { 'x-envoy-upstream-rq-per-try-timeout-ms': '60' }, { answers: [NEVER] }),
  ],
  ['per try idle', 200, get('/idle', {}, { answers: [NEVER, OK] })],
  [
    'per try idle in the body',
    200,
    get(
      '/idle',
      {},
      { answers: [{ steps: ['HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab', { wait: 20_000 }] }], responses: 0 },
    ),
  ],
];

const failures: readonly Case[] = [
  ['refused', 503, get('/down')],
  ['refused, with a body', 503, ask('POST', '/down', {}, 'body')],
  ['reset', 503, get('/plain', {}, { answers: [RESET] })],
  ['reset while the body is sent', 503, ask('POST', '/plain', {}, 'body', { answers: [RESET_EARLY] })],
  ['closed', 503, get('/plain', {}, { answers: [CLOSED] })],
  ['garbage', 502, get('/plain', {}, { answers: [GARBAGE] })],
  ['no status', 502, get('/plain', {}, { answers: [{ steps: ['HTTP/1.1 OK\r\n\r\n'] }] })],
  [
    'two lengths',
    502,
    get(
      '/plain',
      {},
      { answers: [{ steps: ['HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'] }] },
    ),
  ],
  [
    'an odd transfer encoding',
    502,
    get('/plain', {}, { answers: [{ steps: ['HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nab', 'end'] }] }),
  ],
  [
    'a body that ends with the connection',
    200,
    get('/plain', {}, { answers: [{ steps: ['HTTP/1.1 200 OK\r\n\r\nabc', { wait: 20 }, 'end'] }] }),
  ],
  [
    'HTTP/1.0 upstream',
    200,
    get('/plain', {}, { answers: [{ steps: ['HTTP/1.0 200 OK\r\n\r\nabc', { wait: 20 }, 'end'] }] }),
  ],
  [
    'informational',
    200,
    get(
      '/plain',
      {},
      {
        answers: [
          {
            steps: [
              'HTTP/1.1 103 Early\r\nlink: a\r\n\r\n',
              { wait: 20 },
              'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
            ],
          },
        ],
      },
    ),
  ],
  ['no endpoints', 503, get('/empty')],
  ['HEAD without endpoints', 503, ask('HEAD', '/empty')],
  ['no endpoints and retries', 503, get('/empty-retry')],
  ['gRPC refused', 200, ask('POST', '/down', { 'content-type': 'application/grpc' })],
  ['gRPC without a route', 200, ask('POST', '/none', { 'content-type': 'application/grpc' })],
  ['gRPC timed out', 200, ask('POST', '/quick', { 'content-type': 'application/grpc' }, '', { answers: [NEVER] })],
];

const timeouts: readonly Case[] = [
  ['of the route', 504, get('/quick', {}, { answers: [NEVER] })],
  ['of the route, in time', 200, get('/quick', {}, { answers: [slow(10)] })],
  [
    'of the route, in the body',
    200,
    get(
      '/quick',
      {},
      { answers: [{ steps: ['HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab', { wait: 20_000 }] }], responses: 0 },
    ),
  ],
  ['that the request asks for', 504, get('/plain', { 'x-envoy-upstream-rq-timeout-ms': '50' }, { answers: [NEVER] })],
  [
    'that the request makes longer',
    200,
    get('/quick', { 'x-envoy-upstream-rq-timeout-ms': '2000' }, { answers: [slow(250)] }),
  ],
  [
    'that the request switches off',
    200,
    get('/quick', { 'x-envoy-upstream-rq-timeout-ms': '0' }, { answers: [slow(250)] }),
  ],
  ['no number', 200, get('/plain', { 'x-envoy-upstream-rq-timeout-ms': 'x' })],
  ['a negative number', 200, get('/plain', { 'x-envoy-upstream-rq-timeout-ms': '-1' })],
  [
    'try longer than all',
    200,
    get('/plain', { 'x-envoy-upstream-rq-timeout-ms': '500', 'x-envoy-upstream-rq-per-try-timeout-ms': '600' }),
  ],
  [
    'try shorter than all',
    200,
    get('/plain', { 'x-envoy-upstream-rq-timeout-ms': '700', 'x-envoy-upstream-rq-per-try-timeout-ms': '600' }),
  ],
  ['off', 200, get('/off')],
  [
    'of a slow client',
    200,
    { send: [request('POST', '/quick', { 'content-length': '4' }, 'ab'), { wait: 300 }, 'cd'] },
  ],
  [
    'of a client that waits for the answer',
    408,
    { send: [request('POST', '/stream-idle', { 'content-length': '4' }, 'ab')], answers: [OK] },
  ],
  ['idle stream', 504, get('/stream-idle', {}, { answers: [NEVER] })],
  [
    'idle stream in the body',
    200,
    get(
      '/stream-idle',
      {},
      { answers: [{ steps: ['HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab', { wait: 20_000 }] }], responses: 0 },
    ),
  ],
  ['whole stream', 504, get('/stream', {}, { answers: [NEVER] })],
  [
    'whole stream in the body',
    200,
    get(
      '/stream',
      {},
      { answers: [{ steps: ['HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab', { wait: 20_000 }] }], responses: 0 },
    ),
  ],
  [
    'grpc-timeout',
    200,
    ask('POST', '/grpc', { 'content-type': 'application/grpc', 'grpc-timeout': '80m' }, '', { answers: [NEVER] }),
  ],
  [
    'grpc-timeout over the limit',
    200,
    ask('POST', '/grpc', { 'content-type': 'application/grpc', 'grpc-timeout': '1H' }, '', { answers: [NEVER] }),
  ],
  [
    'grpc-timeout in time',
    200,
    ask('POST', '/grpc', { 'content-type': 'application/grpc', 'grpc-timeout': '1S' }, '', { answers: [slow(20)] }),
  ],
  ['grpc-timeout for no gRPC', 504, ask('POST', '/grpc', { 'grpc-timeout': '30m' }, '', { answers: [slow(100)] })],
  [
    'grpc-timeout that is ignored',
    200,
    ask('POST', '/plain', { 'content-type': 'application/grpc', 'grpc-timeout': '30m' }, '', { answers: [slow(100)] }),
  ],
];

describe.skipIf(!Differential.available)(
  `retries, timeouts and failures as Envoy has them ${Differential.note}`,
  () => {
    let both: Differential;

    beforeAll(async () => {
      both = await Differential.start({
        listeners: ['main'],
        upstreams: ['a', 'b'],
        closed: ['nothing'],
        resources: (port) => ({
          listeners: [
            httpListener('main', port('main'), {
              // So that a client may ask for retries and timeouts.
              use_remote_address: true,
              internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] },
              route_config: {
                name: 'routes',
                virtual_hosts: [
                  {
                    name: 'any',
                    domains: ['*'],
                    routes: [
                      ...CONDITIONS.map((condition) =>
                        retry(condition, {
                          retry_on: condition,
                          retriable_status_codes: [423],
                          retriable_headers: [{ name: 'x-again', string_match: { exact: 'yes' } }],
                        }),
                      ),
                      retry('twice', { retry_on: '5xx', num_retries: 2 }),
                      retry('zero', { retry_on: '5xx', num_retries: 0 }),
                      retry('codes', {
                        retry_on: 'retriable-status-codes',
                        num_retries: 3,
                        retriable_status_codes: [423, 404],
                      }),
                      retry('some', {
                        retry_on: '5xx',
                        retriable_request_headers: [{ name: 'x-may', present_match: true }],
                      }),
                      retry(
                        'others',
                        {
                          retry_on: '5xx',
                          num_retries: 1,
                          host_selection_retry_max_attempts: 50,
                          retry_host_predicate: [
                            {
                              name: 'envoy.retry_host_predicates.previous_hosts',
                              typed_config: {
                                '@type':
                                  'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
                              },
                            },
                          ],
                        },
                        { cluster: 'ab' },
                      ),
                      retry('half', { retry_on: 'connect-failure', num_retries: 1 }, { cluster: 'half' }),
                      retry('refused', { retry_on: 'connect-failure', num_retries: 2 }, { cluster: 'refused' }),
                      retry('empty-retry', { retry_on: '5xx', num_retries: 2 }, { cluster: 'empty' }),
                      retry('try', { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.08s' }),
                      retry('idle', { retry_on: '5xx', num_retries: 1, per_try_idle_timeout: '0.08s' }),
                      { match: { path: '/down' }, route: { cluster: 'refused' } },
                      { match: { path: '/empty' }, route: { cluster: 'empty' } },
                      { match: { path: '/quick' }, route: { cluster: 'a', timeout: '0.15s' } },
                      { match: { path: '/off' }, route: { cluster: 'a', timeout: '0s' } },
                      { match: { path: '/stream-idle' }, route: { cluster: 'a', idle_timeout: '0.15s' } },
                      {
                        match: { path: '/stream' },
                        route: { cluster: 'a', max_stream_duration: { max_stream_duration: '0.15s' } },
                      },
                      {
                        match: { path: '/grpc' },
                        route: {
                          cluster: 'a',
                          timeout: '0s',
                          max_stream_duration: { grpc_timeout_header_max: '0.15s' },
                        },
                      },
                      { match: { path: '/plain' }, route: { cluster: 'a' } },
                    ],
                  },
                  {
                    name: 'counted',
                    domains: ['counted'],
                    include_request_attempt_count: true,
                    include_attempt_count_in_response: true,
                    include_is_timeout_retry_header: true,
                    routes: [
                      retry('counted', { retry_on: '5xx', num_retries: 2 }),
                      retry('told', { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.08s' }),
                    ],
                  },
                ],
              },
            }),
          ],
          clusters: [
            cluster('a', [[port('a')]]),
            cluster('ab', [[port('a'), port('b')]]),
            cluster('half', [[port('nothing')], [port('a')]], {}),
            cluster('refused', [[port('nothing')]]),
            cluster('empty', []),
          ],
        }),
      });
    });

    afterAll(() => both?.stop());

    describe('conditions', () => {
      it.each(CONDITIONS.map((condition, index) => [condition, index]))('%s', async (_condition, index) => {
        const each = Object.keys(FIRST);
        for (const [at, name] of each.entries()) {
          const exchange = conditions()[Number(index) * each.length + at];
          if (exchange === undefined) throw new Error('no such exchange');
          const { envoy, weft } = await both.run(exchange);
          expect(weft, name).toEqual(envoy);
        }
      });
    });

    it('another host than the one that was tried', async () => {
      let tried = '';
      const exchange = get(
        '/others',
        {},
        {
          answers: (request, index) => {
            if (index === 0) tried = request.at;
            return index === 0 ? answer(503) : OK;
          },
        },
      );
      for (const side of [both.envoy, both.weft]) {
        const { upstream, responses } = await side.run(exchange);
        expect(responses.map(({ start }) => start)).toEqual(['HTTP/1.1 200 OK']);
        expect(upstream.map(({ at }) => at)).toEqual(tried === 'a' ? ['a', 'b'] : ['b', 'a']);
      }
    });

    describe('retries', () => compare(() => both, retries));
    describe('failures', () => compare(() => both, failures));
    describe('timeouts', () => compare(() => both, timeouts));
  },
);
