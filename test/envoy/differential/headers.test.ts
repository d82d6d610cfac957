import { afterAll, beforeAll, describe } from 'vitest';
import { Differential } from '../../support/differential.js';
import { ask, type Case, compare, get } from '../../support/differential-cases.js';
import { cluster, filter, httpListener } from '../../support/differential-config.js';
import { answer } from '../../support/scripted-upstream.js';

const add = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD', more: object = {}): object => ({
  header: { key, value },
  append_action: action,
  ...more,
});

const level = (name: string): object => ({
  request_headers_to_add: [
    add('x-level', name),
    add('x-last', name, 'OVERWRITE_IF_EXISTS_OR_ADD'),
    add('x-first', name, 'ADD_IF_ABSENT'),
    add('x-changed', name, 'OVERWRITE_IF_EXISTS'),
  ],
  request_headers_to_remove: [`x-drop-${name}`],
  response_headers_to_add: [
    add('x-level', name),
    add('x-last', name, 'OVERWRITE_IF_EXISTS_OR_ADD'),
    add('x-first', name, 'ADD_IF_ABSENT'),
    add('x-changed', name, 'OVERWRITE_IF_EXISTS'),
  ],
  response_headers_to_remove: [`x-drop-${name}`],
});

const route = (path: string, more: object, action: object = {}): object => ({
  name: path,
  match: { prefix: path },
  route: { cluster: 'a', ...action },
  ...more,
});

const FORMATS = [
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
  '%DOWNSTREAM_LOCAL_ADDRESS%',
  '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
  '%PROTOCOL%',
  '%REQ(x-a)%',
  '%REQ(x-none)%',
  '%REQ(x-none?x-a)%',
  '%REQ(x-a):2%',
  '%REQ(:method)% %REQ(:path)% %REQ(:authority)%',
  '%ROUTE_NAME%',
  '%UPSTREAM_CLUSTER%',
  '%UPSTREAM_REMOTE_ADDRESS%',
  '100%% of %%REQ(x-a)%%',
  '%DYNAMIC_METADATA(none:none)%',
  '%FILTER_STATE(none)%',
  '%DOWNSTREAM_PEER_URI_SAN%',
  '%RESPONSE_CODE%',
  '%RESPONSE_FLAGS%',
  '%BYTES_RECEIVED%',
  '[%REQ(x-none)%]',
];

const routes = [
  route('/levels', level('route')),
  route('/weighted', level('route'), {
    cluster: undefined,
    weighted_clusters: { clusters: [{ name: 'a', weight: 1, ...level('cluster'), host_rewrite_literal: 'split' }] },
  }),
  route('/formats', {
    request_headers_to_add: FORMATS.map((format, index) => add(`x-f${index}`, format)),
    response_headers_to_add: FORMATS.map((format, index) => add(`x-f${index}`, format)),
  }),
  route('/empty', {
    request_headers_to_add: [
      add('x-dropped', ''),
      add('x-kept', '', 'APPEND_IF_EXISTS_OR_ADD', { keep_empty_value: true }),
      add('x-none', '%REQ(x-none)%', 'OVERWRITE_IF_EXISTS_OR_ADD'),
    ],
    response_headers_to_add: [add('x-kept', '', 'APPEND_IF_EXISTS_OR_ADD', { keep_empty_value: true })],
  }),
  route('/case', {
    request_headers_to_add: [add('X-Upper', 'A')],
    request_headers_to_remove: ['X-GONE'],
    response_headers_to_add: [add('X-Upper', 'A')],
    response_headers_to_remove: ['X-GONE', 'content-type', 'server'],
  }),
  route('/swap', {
    request_headers_to_add: [
      add('x-a', '%REQ(x-b)%', 'OVERWRITE_IF_EXISTS_OR_ADD'),
      add('x-b', '%REQ(x-a)%', 'OVERWRITE_IF_EXISTS_OR_ADD'),
    ],
  }),
  route('/same', {
    request_headers_to_add: [add('x-a', 'one'), add('x-a', 'two', 'OVERWRITE_IF_EXISTS_OR_ADD'), add('x-a', 'three')],
    request_headers_to_remove: ['x-b'],
  }),
  route(
    '/rewritten',
    { request_headers_to_add: [add('x-path', '%REQ(:path)%'), add('x-host', '%REQ(:authority)%')] },
    { prefix_rewrite: '/new', host_rewrite_literal: 'new' },
  ),
  route('/refused', level('route'), { cluster: 'refused' }),
  route('/nowhere', level('route'), { cluster: 'nowhere' }),
  { match: { prefix: '/direct' }, direct_response: { status: 200, body: { inline_string: 'd' } }, ...level('route') },
  { match: { prefix: '/redirect' }, redirect: { path_redirect: '/' }, ...level('route') },
  route('/', {}),
];

const sent = {
  'x-first': 'client',
  'x-changed': 'client',
  'x-level': 'client',
  'x-drop-route': '1',
  'x-drop-host': '1',
  'x-drop-table': '1',
  'x-drop-cluster': '1',
};

const through = (path: string, headers = {}, upstream = {}): Case[2] =>
  get(path, headers, { answers: [answer(200, 'ok', upstream)] });

const operations: readonly Case[] = [
  ['levels, nothing there before', 200, through('/levels')],
  ['levels, all there before', 200, through('/levels', sent, sent)],
  ['levels with a weighted cluster', 200, through('/weighted')],
  ['levels with a weighted cluster, all there before', 200, through('/weighted', sent, sent)],
  ['a route without operations', 200, through('/plain', sent, sent)],
  ['levels on a refused connection', 503, get('/refused')],
  ['levels on an unknown cluster', 503, get('/nowhere')],
  ['levels on a direct answer', 200, get('/direct')],
  ['levels on a redirect', 301, get('/redirect')],
  ['formats', 200, through('/formats', { 'x-a': 'abc' })],
  ['formats without what they name', 200, through('/formats')],
  ['empty values', 200, through('/empty', { 'x-none': '' })],
  [
    'names in upper case',
    200,
    through('/case', { 'x-gone': '1' }, { 'x-gone': '1', 'content-type': 'a/b', server: 'own' }),
  ],
  ['operations that read what others write', 200, through('/swap', { 'x-a': '1', 'x-b': '2' })],
  ['several operations on a name', 200, through('/same', { 'x-a': 'client', 'x-b': '1' })],
  ['operations before the rewrite', 200, through('/rewritten/x')],
];

const ENVOY_HEADERS = {
  'x-envoy-upstream-rq-timeout-ms': '9000',
  'x-envoy-upstream-rq-per-try-timeout-ms': '5000',
  'x-envoy-expected-rq-timeout-ms': '1',
  'x-envoy-max-retries': '1',
  'x-envoy-retry-on': '5xx',
  'x-envoy-retry-grpc-on': 'cancelled',
  'x-envoy-retriable-status-codes': '418',
  'x-envoy-retriable-header-names': 'x-again',
  'x-envoy-hedge-on-per-try-timeout': 'false',
  'x-envoy-attempt-count': '7',
  'x-envoy-internal': 'true',
  'x-envoy-external-address': '1.2.3.4',
  'x-envoy-downstream-service-cluster': 'me',
  'x-envoy-downstream-service-node': 'me',
  'x-envoy-original-path': '/o',
  'x-envoy-original-host': 'o',
  'x-envoy-decorator-operation': 'op',
  'x-envoy-upstream-alt-stat-name': 'alt',
  'x-envoy-upstream-stream-duration-ms': '60000',
  'x-envoy-is-timeout-retry': 'true',
  'x-envoy-ip-tags': 'a',
  'x-envoy-force-trace': '1',
  'x-envoy-overloaded': '1',
  'x-envoy-ratelimited': '1',
  'x-envoy-peer-metadata': 'x',
  'x-envoy-peer-metadata-id': 'x',
  'x-envoy-unknown': 'x',
};

const internals: readonly Case[] = [
  ...['main', 'edge', 'edge-hop', 'suppress', 'internal', 'edge-internal'].flatMap((listener): Case[] => [
    [`Envoy’s own headers of a client, ${listener}`, 200, get('/', ENVOY_HEADERS, { listener })],
    [
      `Envoy’s own headers of an upstream, ${listener}`,
      200,
      get(
        '/',
        {},
        { listener, answers: [answer(200, 'b', { ...ENVOY_HEADERS, 'x-envoy-upstream-service-time': '77' })] },
      ),
    ],
    [`X-Forwarded-For, one, ${listener}`, 200, get('/', { 'x-forwarded-for': '10.1.2.3' }, { listener })],
    [
      `X-Forwarded-For, external, ${listener}`,
      200,
      get('/', { 'x-forwarded-for': '1.2.3.4', ...ENVOY_HEADERS }, { listener }),
    ],
    [`X-Forwarded-For, no address, ${listener}`, 200, get('/', { 'x-forwarded-for': 'nonsense' }, { listener })],
    [
      `X-Forwarded-Proto and Host, ${listener}`,
      200,
      get('/', { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'f' }, { listener }),
    ],
    [`X-Forwarded-Proto, nonsense, ${listener}`, 200, get('/', { 'x-forwarded-proto': 'spdy' }, { listener })],
    [`X-Request-Id, ${listener}`, 200, get('/', { 'x-request-id': 'mine' }, { listener })],
    [`user agent, ${listener}`, 200, get('/', { 'user-agent': 'test/1' }, { listener })],
    [`X-Forwarded-Client-Cert, ${listener}`, 200, get('/', { 'x-forwarded-client-cert': 'By=a' }, { listener })],
    [
      `traceparent, ${listener}`,
      200,
      get('/', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }, { listener }),
    ],
    [
      `hop-by-hop headers, ${listener}`,
      200,
      get(
        '/',
        {
          connection: 'keep-alive, x-hop, te',
          'keep-alive': 'timeout=5',
          'x-hop': '1',
          te: 'trailers',
          'proxy-authorization': 'x',
        },
        {
          listener,
          answers: [answer(200, '', { 'keep-alive': '3', 'proxy-authenticate': 'x' })],
        },
      ),
    ],
    [`refused, ${listener}`, 503, get('/refused', {}, { listener })],
    [`HEAD refused, ${listener}`, 503, ask('HEAD', '/refused', {}, '', { listener })],
  ]),
  ...['edge', 'suppress'].map(
    (listener): Case => [
      `X-Forwarded-For, several, ${listener}`,
      200,
      get('/', { 'x-forwarded-for': ['1.2.3.4, 10.0.0.1', '10.1.1.1'] }, { listener }),
    ],
  ),
  ['attempt counts', 200, get('/', { 'x-envoy-attempt-count': '9' }, { listener: 'counts' })],
  ['attempt counts on failure', 503, get('/refused', {}, { listener: 'counts' })],
  ['attempt counts without a host', 503, get('/empty', {}, { listener: 'counts' })],
  ['attempt counts without a cluster', 503, get('/nowhere', {}, { listener: 'counts' })],
  ['most specific wins', 200, { ...through('/levels', sent, sent), listener: 'specific' }],
  ['server passed through', 200, get('/', {}, { listener: 'server', answers: [answer(200, '', { server: 'own' })] })],
  ['server when absent', 200, get('/', {}, { listener: 'server' })],
  [
    'server appended when absent',
    200,
    get('/', {}, { listener: 'edge', answers: [answer(200, '', { server: 'own' })] }),
  ],
  ['via', 200, get('/', { via: '1.1 a' }, { listener: 'via', answers: [answer(200, '', { via: '1.1 b' })] })],
  ['via, first', 200, get('/', {}, { listener: 'via' })],
];

describe.skipIf(!Differential.available)(`headers as Envoy writes them ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    both = await Differential.start({
      listeners: [
        'main',
        'specific',
        'edge',
        'edge-hop',
        'suppress',
        'internal',
        'edge-internal',
        'counts',
        'server',
        'via',
      ],
      upstreams: ['a'],
      closed: ['nothing'],
      resources: (port) => {
        const table = (more: object = {}, host: object = {}): object => ({
          route_config: {
            name: 'table',
            validate_clusters: false,
            ...level('table'),
            ...more,
            virtual_hosts: [{ name: 'host', domains: ['*'], routes, ...level('host'), ...host }],
          },
        });
        const plain = (host: object = {}): object => ({
          route_config: {
            name: 'plain',
            validate_clusters: false,
            virtual_hosts: [
              {
                name: 'plain',
                domains: ['*'],
                routes: [
                  route('/refused', {}, { cluster: 'refused' }),
                  route('/empty', {}, { cluster: 'empty' }),
                  route('/nowhere', {}, { cluster: 'nowhere' }),
                  route('/', {}, { prefix_rewrite: '/r/', host_rewrite_literal: 'h' }),
                ],
                ...host,
              },
            ],
          },
        });
        const edge = { use_remote_address: true };
        const listener = (name: string, manager: object, filters: readonly object[] = []): object =>
          httpListener(name, port(name), manager, filters);
        return {
          listeners: [
            listener('main', table()),
            listener('specific', table({ most_specific_header_mutations_wins: true })),
            listener('edge', { ...plain(), ...edge, server_header_transformation: 'APPEND_IF_ABSENT' }),
            listener('edge-hop', {
              ...plain(),
              ...edge,
              xff_num_trusted_hops: 1,
              preserve_external_request_id: true,
              always_set_request_id_in_response: true,
              skip_xff_append: true,
            }),
            listener('suppress', {
              ...plain(),
              ...edge,
              http_filters: [filter('router', 'router.v3.Router', { suppress_envoy_headers: true })],
            }),
            listener('internal', { ...plain(), internal_address_config: {} }),
            listener('edge-internal', {
              ...plain(),
              ...edge,
              internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] },
            }),
            listener('counts', plain({ include_request_attempt_count: true, include_attempt_count_in_response: true })),
            listener('server', { ...plain(), server_header_transformation: 'PASS_THROUGH', server_name: 'us' }),
            listener('via', { ...plain(), via: '1.1 weft', server_name: 'us' }),
          ],
          clusters: [cluster('a', [[port('a')]]), cluster('refused', [[port('nothing')]]), cluster('empty', [])],
        };
      },
    });
  });

  afterAll(() => both?.stop());

  describe('operations of routes', () => compare(() => both, operations));
  describe('headers of the proxy itself', () => compare(() => both, internals));
});
