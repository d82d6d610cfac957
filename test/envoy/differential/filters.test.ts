import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type Observation } from '../../support/differential.js';
import { ask, type Case, compare, get, request } from '../../support/differential-cases.js';
import { cluster, filter, httpListener } from '../../support/differential-config.js';
import { answer } from '../../support/scripted-upstream.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const ALL = { numerator: 100 };
const ANY = [{ any: true }];

const fault = (config: object): object => ({
  'envoy.filters.http.fault': { '@type': `${TYPE}.fault.v3.HTTPFault`, ...config },
});
const cors = (config: object): object => ({
  'envoy.filters.http.cors': { '@type': `${TYPE}.cors.v3.CorsPolicy`, ...config },
});
const rbac = (action: string, policies: object): object => ({
  'envoy.filters.http.rbac': { '@type': `${TYPE}.rbac.v3.RBACPerRoute`, rbac: { rules: { action, policies } } },
});

const route = (path: string, perFilter: object, more: object = {}): object => ({
  name: path,
  match: { prefix: `${path}/` },
  route: { cluster: 'a' },
  typed_per_filter_config: perFilter,
  response_headers_to_add: [{ header: { key: 'x-route', value: path } }],
  ...more,
});

/** Permissions, each in a policy of its own; asked as DENY and as ALLOW. */
const PERMISSIONS: Readonly<Record<string, object>> = {
  any: { any: true },
  header: { header: { name: 'x-h', string_match: { exact: 'v' } } },
  'header-present': { header: { name: 'x-h', present_match: true } },
  'header-not': { header: { name: 'x-h', string_match: { exact: 'v' }, invert_match: true } },
  method: { header: { name: ':method', string_match: { exact: 'GET' } } },
  host: { header: { name: ':authority', string_match: { suffix: '.com', ignore_case: true } } },
  'path-exact': { url_path: { path: { exact: '/any/admin' } } },
  'path-prefix': { url_path: { path: { prefix: '/any/admin' } } },
  'path-suffix': { url_path: { path: { suffix: '/admin' } } },
  'path-contains': { url_path: { path: { contains: 'admin' } } },
  'path-regex': { url_path: { path: { safe_regex: { regex: '/any/[a-z]+' } } } },
  not: { not_rule: { url_path: { path: { prefix: '/any/admin' } } } },
  and: { and_rules: { rules: [{ any: true }, { url_path: { path: { prefix: '/any/admin' } } }] } },
  or: { or_rules: { rules: [{ destination_port: 1 }, { url_path: { path: { prefix: '/any/admin' } } }] } },
  ip: { destination_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } },
  port: { destination_port: 1 },
  range: { destination_port_range: { start: 1024, end: 65536 } },
  sni: { requested_server_name: { exact: '' } },
};

const PRINCIPALS: Readonly<Record<string, object>> = {
  remote: { remote_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } },
  'remote-other': { remote_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } },
  direct: { direct_remote_ip: { address_prefix: '127.0.0.1', prefix_len: 32 } },
  authenticated: { authenticated: {} },
  principal: { authenticated: { principal_name: { safe_regex: { regex: '.*' } } } },
  header: { header: { name: 'x-h', string_match: { prefix: 'v' } } },
  'not-id': { not_id: { header: { name: 'x-h', present_match: true } } },
  'and-ids': { and_ids: { ids: [{ any: true }, { header: { name: 'x-h', present_match: true } }] } },
  'or-ids': { or_ids: { ids: [{ authenticated: {} }, { url_path: { path: { suffix: '/admin' } } }] } },
};

const PATHS = [
  '/any/admin',
  '/any/admin?x=1',
  '/any/ADMIN',
  '/any//admin',
  '/any/./admin',
  '/any/x/../admin',
  '/any/%61dmin',
  '/any%2Fadmin',
  '/any/admin%2f',
  '/any/admin/',
  '/any/admin;x=1',
  '/any/user?/any/admin',
  '/any\\admin',
];

/** Every policy with every path; headers that some look at. */
function decisions(listener: string): Case[] {
  const names = [
    ...Object.keys(PERMISSIONS).map((name) => `p-${name}`),
    ...Object.keys(PRINCIPALS).map((name) => `i-${name}`),
  ];
  return names.map((name): Case => {
    const host = `${name}.test`;
    const requests = [
      ...PATHS.map((path) => request('GET', path, { host })),
      request('POST', '/any/admin', { host, 'x-h': 'v', 'content-length': '0' }),
      request('GET', '/any/user', { host: `${host}:80`, 'x-h': ['w', 'v'] }),
      request('GET', '/any/user', { host, 'x-forwarded-for': '10.1.2.3' }),
    ];
    const send = requests.flatMap((one, index) => [one, { answers: index + 1 }]);
    return [name, 'any', { listener, send, responses: requests.length }];
  });
}

const policyHosts = (action: string): object[] => [
  ...Object.entries(PERMISSIONS).map(([name, permission]) =>
    policyHost(`p-${name}`, action, { permissions: [permission], principals: ANY }),
  ),
  ...Object.entries(PRINCIPALS).map(([name, principal]) =>
    policyHost(`i-${name}`, action, { permissions: ANY, principals: [principal] }),
  ),
];

const policyHost = (name: string, action: string, policy: object): object => ({
  name,
  domains: [`${name}.test`, `${name}.test:80`],
  routes: [
    {
      name,
      match: { prefix: '/' },
      route: { cluster: 'a' },
      typed_per_filter_config: rbac(action, { [`ns[default]-policy[${name}]`]: policy }),
    },
  ],
});

const deny = { everything: { permissions: ANY, principals: ANY } };

const routes = [
  route('/abort', fault({ abort: { percentage: ALL, http_status: 423 } })),
  route('/abort-503', fault({ abort: { percentage: ALL, http_status: 503 } })),
  route('/abort-grpc', fault({ abort: { percentage: ALL, grpc_status: 5 } })),
  route('/abort-never', fault({ abort: { percentage: { numerator: 0 }, http_status: 500 } })),
  route('/abort-header', fault({ abort: { percentage: ALL, header_abort: {} } })),
  route('/delay', fault({ delay: { percentage: ALL, fixed_delay: '0.05s' } })),
  route(
    '/delay-abort',
    fault({ delay: { percentage: ALL, fixed_delay: '0.05s' }, abort: { percentage: ALL, http_status: 500 } }),
  ),
  route('/delay-header', fault({ delay: { percentage: ALL, header_delay: {} } })),
  route(
    '/fault-if',
    fault({
      abort: { percentage: ALL, http_status: 500 },
      headers: [{ name: 'x-fault', string_match: { exact: 'yes' } }],
    }),
  ),
  route('/fault-cluster', fault({ abort: { percentage: ALL, http_status: 500 }, upstream_cluster: 'a' })),
  route('/fault-other', fault({ abort: { percentage: ALL, http_status: 500 }, upstream_cluster: 'b' })),
  route('/delay-timeout', fault({ delay: { percentage: ALL, fixed_delay: '0.1s' } }), {
    route: { cluster: 'a', timeout: '0.05s' },
  }),
  route('/denied', rbac('DENY', deny)),
  route('/off', {
    'envoy.filters.http.fault': { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true },
  }),
  route(
    '/cors',
    cors({
      allow_origin_string_match: [{ exact: 'http://ok' }, { suffix: '.fine' }],
      allow_methods: 'GET, PUT',
      allow_headers: 'x-a',
      expose_headers: 'x-b',
      max_age: '600',
      allow_credentials: true,
    }),
  ),
  route(
    '/cors-all',
    cors({
      allow_origin_string_match: [{ exact: '*' }],
      allow_methods: '*',
      allow_headers: '*',
      allow_private_network_access: true,
    }),
  ),
  route(
    '/cors-strict',
    cors({
      allow_origin_string_match: [{ exact: 'http://ok' }],
      allow_methods: 'GET',
      forward_not_matching_preflights: false,
    }),
  ),
  route(
    '/cors-off',
    cors({ allow_origin_string_match: [{ exact: '*' }], filter_enabled: { default_value: { numerator: 0 } } }),
  ),
  route('/ws', {}, { route: { cluster: 'a', upgrade_configs: [{ upgrade_type: 'websocket' }] } }),
  route('/ws-off', {}, { route: { cluster: 'a', upgrade_configs: [{ upgrade_type: 'websocket', enabled: false }] } }),
  {
    name: 'connect',
    match: { connect_matcher: {} },
    route: { cluster: 'a', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
  },
  route('', {}),
];

const preflight = {
  origin: 'http://ok',
  'access-control-request-method': 'PUT',
  'access-control-request-headers': 'x-a, x-z',
};
const gRPC = { 'content-type': 'application/grpc' };

const filters: readonly Case[] = [
  ['abort', 423, get('/abort/')],
  ['abort of HEAD', 503, ask('HEAD', '/abort-503/')],
  ['abort of a body', 503, ask('POST', '/abort-503/', {}, 'body')],
  ['abort of gRPC', 200, ask('POST', '/abort-503/', gRPC)],
  ['abort by a gRPC status', 200, ask('POST', '/abort-grpc/', gRPC)],
  ['abort by a gRPC status of no gRPC', 200, ask('POST', '/abort-grpc/')],
  ['abort of none', 200, get('/abort-never/')],
  ['abort by header', 429, get('/abort-header/', { 'x-envoy-fault-abort-request': '429' })],
  ['abort by header, no number', 200, get('/abort-header/', { 'x-envoy-fault-abort-request': 'x' })],
  ['abort by header, out of range', 200, get('/abort-header/', { 'x-envoy-fault-abort-request': '700' })],
  [
    'abort by header, percentage',
    200,
    get('/abort-header/', { 'x-envoy-fault-abort-request': '429', 'x-envoy-fault-abort-request-percentage': '0' }),
  ],
  [
    'abort by header for gRPC',
    200,
    ask('POST', '/abort-header/', { ...gRPC, 'x-envoy-fault-abort-grpc-request': '7' }),
  ],
  ['abort by header that is not there', 200, get('/abort-header/')],
  ['delay', 200, get('/delay/')],
  ['delay of a body', 200, ask('POST', '/delay/', {}, 'body')],
  ['delay and abort', 500, get('/delay-abort/')],
  ['delay by header', 200, get('/delay-header/', { 'x-envoy-fault-delay-request': '30' })],
  [
    'delay by header, percentage',
    200,
    get('/delay-header/', { 'x-envoy-fault-delay-request': '30', 'x-envoy-fault-delay-request-percentage': '0' }),
  ],
  ['delay longer than the timeout', 200, get('/delay-timeout/')],
  [
    'delay of a client that leaves',
    'none',
    { send: [request('GET', '/delay/'), { wait: 10 }, 'abort'], responses: 0, logLines: 1 },
  ],
  ['fault for a header', 500, get('/fault-if/', { 'x-fault': 'yes' })],
  ['fault for a header that is not there', 200, get('/fault-if/')],
  ['fault for the cluster', 500, get('/fault-cluster/')],
  ['fault for another cluster', 200, get('/fault-other/')],
  ['a filter that is switched off', 200, get('/off/')],
  ['denied', 403, get('/denied/')],
  ['denied HEAD', 403, ask('HEAD', '/denied/')],
  ['denied with a body', 403, ask('POST', '/denied/', {}, 'body')],
  ['denied gRPC', 200, ask('POST', '/denied/', gRPC)],
  ['preflight', 200, ask('OPTIONS', '/cors/', preflight)],
  ['preflight of another origin', 200, ask('OPTIONS', '/cors/', { ...preflight, origin: 'http://bad' })],
  ['preflight of an origin by suffix', 200, ask('OPTIONS', '/cors/', { ...preflight, origin: 'http://a.fine' })],
  [
    'preflight for all',
    200,
    ask('OPTIONS', '/cors-all/', { ...preflight, 'access-control-request-private-network': 'true' }),
  ],
  ['preflight refused here', 200, ask('OPTIONS', '/cors-strict/', { ...preflight, origin: 'http://bad' })],
  ['OPTIONS that is no preflight', 200, ask('OPTIONS', '/cors/', { origin: 'http://ok' })],
  ['preflight without an origin', 200, ask('OPTIONS', '/cors/', { 'access-control-request-method': 'PUT' })],
  ['preflight with the policy off', 200, ask('OPTIONS', '/cors-off/', preflight)],
  ['simple request', 200, get('/cors/', { origin: 'http://ok' })],
  [
    'simple request, own headers of upstream',
    200,
    get(
      '/cors/',
      { origin: 'http://ok' },
      { answers: [answer(200, '', { 'access-control-allow-origin': '*', vary: 'x' })] },
    ),
  ],
  ['simple request of another origin', 200, get('/cors/', { origin: 'http://bad' })],
  ['simple request without an origin', 200, get('/cors/')],
  ['simple request that fails', 503, get('/cors/', { origin: 'http://ok' }, { answers: [{ steps: ['reset'] }] })],
];

const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
const SWITCH = {
  early: true,
  steps: [
    'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
    { wait: 50 },
    'pong',
    { wait: 50 },
    'end' as const,
  ],
};

const tunnels: readonly Case[] = [
  [
    'WebSocket',
    101,
    {
      send: [request('GET', '/ws/', upgrade), { until: '101' }],
      answers: [SWITCH],
      tail: 'pong',
    },
  ],
  [
    'CONNECT',
    200,
    {
      send: [
        request('CONNECT', 'some.host:80', { host: 'some.host:80' }),
        { until: '200' },
        'CONNECT x HTTP/1.1\r\n\r\n',
      ],
      methods: ['CONNECT'],
      answers: [{ steps: ['hello', { wait: 100 }, 'end'] }],
      tail: 'hello',
      logLines: 1,
    },
  ],
];

function withoutEnd({ details: _details, flags: _flags, ...line }: Observation['log'][number]): object {
  return line;
}

const upgrades: readonly Case[] = [
  ['WebSocket to nowhere', 503, { send: [request('GET', '/ws/', upgrade)], answers: [{ steps: ['reset'] }] }],
  ['WebSocket that the route forbids', 403, { send: [request('GET', '/ws-off/', upgrade)] }],
  ['WebSocket where nobody allows it', 403, { send: [request('GET', '/plain/', upgrade)] }],
  ['another upgrade', 403, { send: [request('GET', '/ws/', { ...upgrade, upgrade: 'other' })] }],
  [
    'WebSocket without a route',
    404,
    { send: [request('GET', '/ws/', { ...upgrade, host: 'nobody' })], listener: 'narrow' },
  ],
];

describe.skipIf(!Differential.available)(`filters as Envoy has them ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['main', 'deny', 'allow', 'normal', 'narrow'],
      upstreams: ['a'],
      resources: (port) => {
        const chain = [
          filter('cors', 'cors.v3.Cors'),
          filter('rbac', 'rbac.v3.RBAC'),
          filter('fault', 'fault.v3.HTTPFault', { abort: { percentage: { numerator: 0 }, http_status: 500 } }),
        ];
        const table = (hosts: readonly object[], more: object = {}): object => ({
          route_config: { name: 'routes', validate_clusters: false, virtual_hosts: hosts },
          ...more,
        });
        return {
          listeners: [
            httpListener('main', port('main'), table([{ name: 'any', domains: ['*'], routes }]), chain),
            httpListener('deny', port('deny'), table(policyHosts('DENY')), chain),
            httpListener('allow', port('allow'), table(policyHosts('ALLOW')), chain),
            httpListener(
              'normal',
              port('normal'),
              table(policyHosts('DENY'), {
                normalize_path: true,
                merge_slashes: true,
                path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD',
              }),
              chain,
            ),
            httpListener(
              'narrow',
              port('narrow'),
              table([{ name: 'one', domains: ['one'], routes: [route('/ws', {})] }]),
              chain,
            ),
          ],
          clusters: [cluster('a', [[port('a')]])],
        };
      },
    });
  });

  afterAll(() => both?.stop());

  describe('fault, rbac, cors', () => compare(() => both, filters));
  describe('upgrades', () => compare(() => both, upgrades));
  // How the end of a tunnel is logged differs on purpose (docs/differences.md).
  describe('tunnels', () => {
    it.each(tunnels)('%s: %d', async (_name, _status, exchange) => {
      const { envoy, weft } = await both.run(exchange);
      // Envoy may take a second (delayed_close_timeout) to close what is over.
      const comparable = (one: Observation): object => ({ ...one, connection: '', log: one.log.map(withoutEnd) });
      expect(comparable(weft)).toEqual(comparable(envoy));
    });
  });

  for (const listener of ['deny', 'allow', 'normal']) {
    describe(`policies, ${listener}`, () => compare(() => both, decisions(listener)));
  }
});
