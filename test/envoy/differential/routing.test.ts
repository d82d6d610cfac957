import { afterAll, beforeAll, describe } from 'vitest';
import { Differential } from '../../support/differential.js';
import { ask, type Case, compare, get } from '../../support/differential-cases.js';
import { cluster, httpListener } from '../../support/differential-config.js';
import { answer } from '../../support/scripted-upstream.js';

/** A route that names what it matches by its own name, answering directly with it. */
const answers = (name: string, match: object): object => ({
  name,
  match,
  direct_response: { status: 200, body: { inline_string: name } },
});

const header = (name: string, matcher: object): object => ({
  prefix: `/h/${name}`,
  headers: [{ name: 'x-h', ...matcher }],
});
const query = (name: string, matcher: object): object => ({
  prefix: `/q/${name}`,
  query_parameters: [{ name: 'p', ...matcher }],
});

const matchRoutes = [
  answers('exact', { path: '/exact' }),
  answers('exact-any-case', { path: '/AnyCase', case_sensitive: false }),
  answers('prefix', { prefix: '/prefix' }),
  answers('prefix-any-case', { prefix: '/Pre-Any', case_sensitive: false }),
  answers('separated', { path_separated_prefix: '/sep' }),
  answers('separated-any-case', { path_separated_prefix: '/Sap', case_sensitive: false }),
  answers('regex', { safe_regex: { regex: '/re/[a-c]+' } }),
  answers('regex-alternatives', { safe_regex: { regex: '/ra/one|/ra/two' } }),
  answers('header-exact', header('exact', { string_match: { exact: 'v' } })),
  answers('header-joined', header('joined', { string_match: { exact: 'v,w' } })),
  answers('header-ignore-case', header('ignore-case', { string_match: { exact: 'V', ignore_case: true } })),
  answers('header-prefix', header('prefix', { string_match: { prefix: 'v' } })),
  answers('header-suffix', header('suffix', { string_match: { suffix: 'v' } })),
  answers('header-contains', header('contains', { string_match: { contains: 'v' } })),
  answers('header-regex', header('regex', { string_match: { safe_regex: { regex: 'v+' } } })),
  answers('header-present', header('present', { present_match: true })),
  answers('header-absent', header('absent', { present_match: false })),
  answers('header-range', header('range', { range_match: { start: '-5', end: '10' } })),
  answers('header-inverted', header('inverted', { string_match: { exact: 'v' }, invert_match: true })),
  answers('header-missing', header('missing', { string_match: { exact: '' }, treat_missing_header_as_empty: true })),
  answers(
    'header-missing-inverted',
    header('mi', { string_match: { exact: 'v' }, invert_match: true, treat_missing_header_as_empty: true }),
  ),
  answers('header-present-inverted', header('pi', { present_match: true, invert_match: true })),
  answers('method', { prefix: '/method', headers: [{ name: ':method', string_match: { exact: 'POST' } }] }),
  answers('authority', { prefix: '/authority', headers: [{ name: ':authority', string_match: { prefix: 'a.' } }] }),
  answers('pseudo-path', { prefix: '/pseudo', headers: [{ name: ':path', string_match: { suffix: '?x' } }] }),
  answers('two-headers', {
    prefix: '/two',
    headers: [
      { name: 'a', string_match: { exact: '1' } },
      { name: 'b', string_match: { exact: '2' } },
    ],
  }),
  answers('query-exact', query('exact', { string_match: { exact: 'v' } })),
  answers('query-prefix', query('prefix', { string_match: { prefix: 'v' } })),
  answers('query-regex', query('regex', { string_match: { safe_regex: { regex: '[0-9]+' } } })),
  answers('query-present', query('present', { present_match: true })),
  answers('grpc', { prefix: '/grpc', grpc: {} }),
  answers('fraction-all', { prefix: '/all', runtime_fraction: { default_value: { numerator: 100 } } }),
  answers('fraction-none', { prefix: '/none', runtime_fraction: { default_value: { numerator: 0 } } }),
];

const matching: readonly Case[] = [
  ['an exact path', 200, get('/exact')],
  ['an exact path with a query', 200, get('/exact?x=/y')],
  ['an exact path with a fragment', 400, get('/exact#x')],
  ['an exact path and more', 404, get('/exact/')],
  ['an exact path in another case', 404, get('/EXACT')],
  ['a case-insensitive path', 200, get('/aNYcASE')],
  ['a prefix', 200, get('/prefixed/by?x')],
  ['a prefix alone', 200, get('/prefix')],
  ['a prefix in another case', 404, get('/Prefix')],
  ['a case-insensitive prefix', 200, get('/pre-anything')],
  ['a separated prefix', 200, get('/sep')],
  ['a separated prefix with more', 200, get('/sep/x')],
  ['a separated prefix with a query', 200, get('/sep?x')],
  ['a separated prefix that goes on', 404, get('/separate')],
  ['a case-insensitive separated prefix', 200, get('/SAP/x')],
  ['a regex', 200, get('/re/abc?q')],
  ['a regex that matches only a part', 404, get('/re/abcd')],
  ['a regex of alternatives', 200, get('/ra/two')],
  ['a regex of alternatives, a part', 404, get('/ra/one/ra/two')],
  ['an encoded slash is no slash', 404, get('/sep%2Fx')],
  ['two slashes are two', 404, get('//exact')],
  ['a header', 200, get('/h/exact', { 'X-H': 'v' })],
  ['a header with another value', 404, get('/h/exact', { 'x-h': 'V' })],
  ['a header that is missing', 404, get('/h/exact')],
  ['a header twice', 200, get('/h/exact', { 'x-h': ['v', 'v'] })],
  ['a header twice, the first matches', 200, get('/h/exact', { 'x-h': ['v', 'w'] })],
  ['a header twice, the second matches', 200, get('/h/exact', { 'x-h': ['w', 'v'] })],
  ['a header twice, inverted, the first matches', 404, get('/h/inverted', { 'x-h': ['v', 'w'] })],
  ['a header twice, inverted, the second matches', 404, get('/h/inverted', { 'x-h': ['w', 'v'] })],
  ['a header twice, inverted, none matches', 200, get('/h/inverted', { 'x-h': ['w', 'w'] })],
  ['a header twice, inverted, both match', 404, get('/h/inverted', { 'x-h': ['v', 'v'] })],
  ['a header twice by prefix, the second', 200, get('/h/prefix', { 'x-h': ['w', 'v'] })],
  ['a header twice by suffix, the first', 200, get('/h/suffix', { 'x-h': ['v', 'w'] })],
  ['a header twice by contains', 200, get('/h/contains', { 'x-h': ['w', 'v'] })],
  ['a header twice by regex', 200, get('/h/regex', { 'x-h': ['v', 'v'] })],
  ['a header twice in a range', 200, get('/h/range', { 'x-h': ['1', '2'] })],
  ['a header twice is not its joined value', 404, get('/h/joined', { 'x-h': ['v', 'w'] })],
  ['a list in one header', 404, get('/h/exact', { 'x-h': 'v,v' })],
  ['a header twice, matched by a prefix', 200, get('/h/prefix', { 'x-h': ['v', 'w'] })],
  ['a header twice, matched by a suffix', 200, get('/h/suffix', { 'x-h': ['w', 'v'] })],
  ['a header in any case', 200, get('/h/ignore-case', { 'x-h': 'v' })],
  ['a header that contains', 200, get('/h/contains', { 'x-h': 'wvw' })],
  ['a header by regex', 200, get('/h/regex', { 'x-h': 'vv' })],
  ['a header by regex, a part', 404, get('/h/regex', { 'x-h': 'vvw' })],
  ['a header that is present', 200, get('/h/present', { 'x-h': '' })],
  ['a header that is not present', 404, get('/h/present')],
  ['a header that is absent', 200, get('/h/absent')],
  ['a header that is not absent', 404, get('/h/absent', { 'x-h': '' })],
  ['a header in a range', 200, get('/h/range', { 'x-h': '-5' })],
  ['a header at the end of a range', 404, get('/h/range', { 'x-h': '10' })],
  ['a header that is no number', 404, get('/h/range', { 'x-h': '1x' })],
  ['an inverted header', 200, get('/h/inverted', { 'x-h': 'w' })],
  ['an inverted header that matches', 404, get('/h/inverted', { 'x-h': 'v' })],
  ['an inverted header that is missing', 404, get('/h/inverted')],
  ['a missing header as an empty one', 200, get('/h/missing')],
  ['a missing header as an empty one, inverted', 200, get('/h/mi')],
  ['a present header inverted', 200, get('/h/pi')],
  ['a present header inverted, and it is', 404, get('/h/pi', { 'x-h': 'v' })],
  ['a method', 200, ask('POST', '/method')],
  ['another method', 404, get('/method')],
  ['an authority', 200, get('/authority', { host: 'a.b:80' })],
  ['a path as a header', 200, get('/pseudo?x')],
  ['two headers', 200, get('/two', { b: '2', a: '1' })],
  ['one of two headers', 404, get('/two', { a: '1' })],
  ['a query parameter', 200, get('/q/exact?o=1&p=v')],
  ['a query parameter with another value', 404, get('/q/exact?p=w')],
  ['a query parameter that is missing', 404, get('/q/exact?pp=v')],
  ['a query parameter twice', 404, get('/q/exact?p=w&p=v')],
  ['a query parameter twice, the first', 200, get('/q/exact?p=v&p=w')],
  ['an encoded query parameter', 404, get('/q/exact?p=%76')],
  ['a query parameter by prefix', 200, get('/q/prefix?p=vw')],
  ['a query parameter by regex', 200, get('/q/regex?p=12')],
  ['a query parameter by regex, a part', 404, get('/q/regex?p=12x')],
  ['a query parameter without value', 200, get('/q/present?p')],
  ['a query parameter that is not there', 404, get('/q/present?x=p')],
  ['a query parameter behind a fragment', 400, get('/q/present#?p')],
  ['gRPC', 200, ask('POST', '/grpc', { 'content-type': 'application/grpc' })],
  ['gRPC with a suffix', 200, ask('POST', '/grpc', { 'content-type': 'application/grpc+proto' })],
  ['not gRPC', 404, ask('POST', '/grpc', { 'content-type': 'application/grpc-web' })],
  ['a fraction of all', 200, get('/all')],
  ['a fraction of none', 404, get('/none')],
];

const hosts = [
  ['exact', ['exact.example.com', 'port.example.com:8080']],
  ['suffix', ['*.example.com']],
  ['longer-suffix', ['*.sub.example.com']],
  ['dash-suffix', ['*-dash.example.com']],
  ['prefix', ['prefix.*']],
  ['longer-prefix', ['prefix.longer.*']],
  ['ip', ['[::1]', '[::1]:80', '10.0.0.1']],
] as const;

const hostCases: readonly Case[] = [
  'exact.example.com',
  'EXACT.Example.Com',
  'exact.example.com.',
  'exact.example.com:80',
  'port.example.com:8080',
  'port.example.com:8081',
  'port.example.com',
  'a.example.com',
  'a.b.example.com',
  '.example.com',
  'example.com',
  'a.sub.example.com',
  'x-dash.example.com',
  '-dash.example.com',
  'prefix.com',
  'prefix.',
  'prefix.longer.com',
  'prefix.x:80',
  'PREFIX.com',
  '[::1]',
  '[::1]:80',
  '[::1]:81',
  '10.0.0.1',
  'other.org',
].map((host): Case => [`host ${host}`, 200, get('/', { host }, { listener: 'hosts' })]);

const redirect = (name: string, action: object): object => ({ match: { prefix: `/r/${name}` }, redirect: action });

const redirectRoutes = [
  redirect('301', { host_redirect: 'other' }),
  redirect('302', { host_redirect: 'other', response_code: 'FOUND' }),
  redirect('303', { host_redirect: 'other', response_code: 'SEE_OTHER' }),
  redirect('307', { host_redirect: 'other', response_code: 'TEMPORARY_REDIRECT' }),
  redirect('308', { host_redirect: 'other', response_code: 'PERMANENT_REDIRECT' }),
  redirect('https', { https_redirect: true }),
  redirect('scheme', { scheme_redirect: 'ftp' }),
  redirect('port', { port_redirect: 8443 }),
  redirect('both', { https_redirect: true, port_redirect: 443 }),
  redirect('path-query', { path_redirect: '/new?own=1' }),
  redirect('path', { path_redirect: '/new' }),
  redirect('strip-path', { path_redirect: '/new', strip_query: true }),
  redirect('strip', { host_redirect: 'other', strip_query: true }),
  redirect('prefix', { prefix_rewrite: '/n' }),
  redirect('regex', { regex_rewrite: { pattern: { regex: '^/r/([a-z]+)/(.*)$' }, substitution: '/\\2/\\1' } }),
  { match: { prefix: '/d/204' }, direct_response: { status: 204 } },
  { match: { prefix: '/d/304' }, direct_response: { status: 304 } },
  { match: { prefix: '/d/503' }, direct_response: { status: 503, body: { inline_string: 'no' } } },
  { match: { prefix: '/d/299' }, direct_response: { status: 299, body: { inline_string: 'odd' } } },
  {
    match: { prefix: '/d/type' },
    direct_response: { status: 200, body: { inline_string: '{}' } },
    response_headers_to_add: [
      { header: { key: 'content-type', value: 'application/json' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
      { header: { key: 'x-a', value: '%RESPONSE_CODE%' } },
    ],
  },
];

const redirects: readonly Case[] = [
  ['301', 301, get('/r/301/x?q=1', { host: 'h:81' })],
  ['302', 302, get('/r/302')],
  ['303', 303, get('/r/303')],
  ['307', 307, get('/r/307')],
  ['308', 308, get('/r/308')],
  ['with a body', 308, ask('POST', '/r/308', {}, 'body')],
  ['for HEAD', 301, ask('HEAD', '/r/301')],
  ['to https', 301, get('/r/https/x')],
  ['to https, the default port', 301, get('/r/https/x', { host: 'h:80' })],
  ['to https, another port', 301, get('/r/https/x', { host: 'h:81' })],
  ['to https, an IPv6 host', 301, get('/r/https/x', { host: '[::1]:80' })],
  ['to a scheme', 301, get('/r/scheme', { host: 'h:80' })],
  ['to a port', 301, get('/r/port', { host: 'h:80' })],
  ['to a port, an IPv6 host', 301, get('/r/port', { host: '[::1]' })],
  ['to scheme and port', 301, get('/r/both?a', { host: 'h' })],
  ['to a path with a query of its own', 301, get('/r/path-query?old=1')],
  ['to a path', 301, get('/r/path?old=1')],
  ['to a path without the query', 301, get('/r/strip-path?old=1')],
  ['without the query', 301, get('/r/strip/x?old=1')],
  ['with another prefix', 301, get('/r/prefix/x?q')],
  ['with a rewritten path', 301, get('/r/regex/x?q')],
  ['a fragment', 400, get('/r/301/x?q#f')],
  ['as X-Forwarded-Proto says', 301, get('/r/port', { 'x-forwarded-proto': 'https', host: 'h:443' })],
  ['direct 204', 204, get('/d/204')],
  ['direct 304', 304, get('/d/304')],
  ['direct 503', 503, get('/d/503')],
  ['direct 503 for HEAD', 503, ask('HEAD', '/d/503')],
  ['direct 503 for a body', 503, ask('POST', '/d/503', {}, 'body')],
  ['direct with a status without name', 299, get('/d/299')],
  ['direct with headers of the route', 200, get('/d/type')],
];

const rewrites = [
  { match: { prefix: '/w/prefix' }, route: { cluster: 'a', prefix_rewrite: '/p' } },
  { match: { prefix: '/w/slash/' }, route: { cluster: 'a', prefix_rewrite: '/' } },
  { match: { path: '/w/exact' }, route: { cluster: 'a', prefix_rewrite: '/e' } },
  { match: { path_separated_prefix: '/w/sep' }, route: { cluster: 'a', prefix_rewrite: '/s' } },
  { match: { safe_regex: { regex: '/w/re.*' } }, route: { cluster: 'a', prefix_rewrite: '/all' } },
  {
    match: { prefix: '/w/sub/' },
    route: { cluster: 'a', regex_rewrite: { pattern: { regex: '/([a-z]+)/([0-9]+)' }, substitution: '/\\2-\\1\\\\' } },
  },
  { match: { prefix: '/w/host' }, route: { cluster: 'a', host_rewrite_literal: 'new.host' } },
  {
    match: { prefix: '/w/forwarded' },
    route: { cluster: 'a', host_rewrite_literal: 'new.host', append_x_forwarded_host: true },
  },
  { match: { prefix: '/w/header' }, route: { cluster: 'a', host_rewrite_header: 'x-new' } },
  {
    match: { prefix: '/w/path' },
    route: {
      cluster: 'a',
      host_rewrite_path_regex: { pattern: { regex: '^/w/path/([^/]+).*$' }, substitution: '\\1.h' },
    },
  },
  { match: { prefix: '/w/auto' }, route: { cluster: 'named', auto_host_rewrite: true, append_x_forwarded_host: true } },
  { match: { prefix: '/w/none' }, route: { cluster: 'a', auto_host_rewrite: true } },
  { match: { prefix: '/w/as-is' }, route: { cluster: 'a' } },
  { match: { prefix: '/c/header' }, route: { cluster_header: 'x-cluster' } },
  { match: { prefix: '/c/missing' }, route: { cluster: 'nowhere' } },
  { match: { prefix: '/c/404' }, route: { cluster: 'nowhere', cluster_not_found_response_code: 'NOT_FOUND' } },
  {
    match: { prefix: '/c/500' },
    route: { cluster: 'nowhere', cluster_not_found_response_code: 'INTERNAL_SERVER_ERROR' },
  },
];

const rewriteCases: readonly Case[] = [
  ['a prefix', 200, get('/w/prefix/x?q')],
  ['a prefix that goes on', 200, get('/w/prefixed')],
  ['a prefix to a slash', 200, get('/w/slash/x')],
  ['an exact path', 200, get('/w/exact?q')],
  ['a separated prefix', 200, get('/w/sep/x')],
  ['a whole regex', 200, get('/w/rex/y?q')],
  ['by substitution, each occurrence', 200, get('/w/sub/12/a/3?x/a/3')],
  ['by substitution, none', 200, get('/w/sub/X')],
  ['a host', 200, get('/w/host')],
  ['a host, the old one kept', 200, get('/w/forwarded', { host: 'old:80' })],
  ['a host, the old ones kept', 200, get('/w/forwarded', { host: 'old', 'x-forwarded-host': 'older' })],
  ['a host from a header', 200, get('/w/header', { 'x-new': 'from.header' })],
  ['a host from a header that is not there', 200, get('/w/header')],
  ['a host from a path', 200, get('/w/path/abc/d?x')],
  ['the host that the endpoint has', 200, get('/w/auto', { host: 'old' })],
  ['the host that the endpoint has not', 200, get('/w/none')],
  ['a client’s own x-envoy-original-path', 200, get('/w/prefix', { 'x-envoy-original-path': '/lie' })],
  ['HEAD', 200, ask('HEAD', '/w/as-is', {}, '', { answers: [answer(200, '', { 'content-length': '10' })] })],
  [
    'HEAD without a length',
    200,
    ask('HEAD', '/w/as-is', {}, '', { answers: [{ steps: ['HTTP/1.1 200 OK\r\n\r\n'] }] }),
  ],
  [
    'HEAD of a chunked body',
    200,
    ask('HEAD', '/w/as-is', {}, '', {
      answers: [{ steps: ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'] }],
    }),
  ],
  ['HEAD answered 204', 204, ask('HEAD', '/w/as-is', {}, '', { answers: [{ steps: ['HTTP/1.1 204 No\r\n\r\n'] }] })],
  ['HEAD answered 304', 304, ask('HEAD', '/w/as-is', {}, '', { answers: [{ steps: ['HTTP/1.1 304 No\r\n\r\n'] }] })],
  ['204', 204, get('/w/as-is', {}, { answers: [{ steps: ['HTTP/1.1 204 No\r\nx: y\r\n\r\n'] }] })],
  ['204 with a length', 204, get('/w/as-is', {}, { answers: [answer(204)] })],
  ['304', 304, get('/w/as-is', {}, { answers: [{ steps: ['HTTP/1.1 304 No\r\netag: "y"\r\n\r\n'] }] })],
  ['304 with a length', 304, get('/w/as-is', {}, { answers: [answer(304, '', { 'content-length': '10' })] })],
  ['200 without body', 200, get('/w/as-is', {}, { answers: [answer(200)] })],
  ['a cluster from a header', 200, get('/c/header', { 'x-cluster': 'a' })],
  ['a cluster from a header that is not there', 503, get('/c/header')],
  ['an unknown cluster from a header', 503, get('/c/header', { 'x-cluster': 'nope' })],
  ['an unknown cluster', 503, get('/c/missing')],
  ['an unknown cluster for HEAD', 503, ask('HEAD', '/c/missing')],
  ['an unknown cluster as 404', 404, get('/c/404')],
  ['an unknown cluster as 500', 500, get('/c/500')],
];

describe.skipIf(!Differential.available)(`routing as Envoy does it ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['main', 'hosts', 'no-port'],
      upstreams: ['a'],
      resources: (port) => {
        const names = (ignorePort: boolean): object => ({
          route_config: {
            name: 'hosts',
            ignore_port_in_host_matching: ignorePort,
            virtual_hosts: [
              ...hosts.map(([name, domains]) => ({ name, domains, routes: [answers(name, { prefix: '/' })] })),
              { name: 'rest', domains: ['*'], routes: [answers('rest', { prefix: '/' })] },
            ],
          },
        });
        return {
          listeners: [
            httpListener('main', port('main'), {
              route_config: {
                name: 'routes',
                validate_clusters: false,
                virtual_hosts: [
                  { name: 'any', domains: ['*'], routes: [...matchRoutes, ...redirectRoutes, ...rewrites] },
                ],
              },
            }),
            httpListener('hosts', port('hosts'), names(false)),
            httpListener('no-port', port('no-port'), names(true)),
          ],
          clusters: [
            cluster('a', [[port('a')]]),
            {
              name: 'named',
              type: 'STRICT_DNS',
              connect_timeout: '1s',
              dns_lookup_family: 'V4_ONLY',
              load_assignment: {
                cluster_name: 'named',
                endpoints: [
                  {
                    lb_endpoints: [
                      { endpoint: { address: { socket_address: { address: 'localhost', port_value: port('a') } } } },
                    ],
                  },
                ],
              },
            },
          ],
        };
      },
    });
  });

  afterAll(() => both?.stop());

  describe('matching', () => compare(() => both, matching));
  describe('virtual hosts', () => compare(() => both, hostCases));
  describe('virtual hosts without the port', () =>
    compare(
      () => both,
      hostCases.map(([name, status, exchange]) => [name, status, { ...exchange, listener: 'no-port' }]),
    ));
  describe('redirects and direct answers', () => compare(() => both, redirects));
  describe('rewrites and clusters', () => compare(() => both, rewriteCases));
});
