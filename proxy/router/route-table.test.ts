import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../common/runtime/testing.js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { HeaderList } from '../http/headers.js';
import { decodeWithout, rememberBytes } from '../xds/kept-message.js';
import { compileRouteConfiguration } from './compile-route-table.js';
import {
  compileYamlRoutes,
  matchRoute,
  routesOf,
  routeTable,
  TEST_ROUTE_DEPS,
  testInfo,
  testRequest,
} from './testing.js';

describe('virtual hosts', () => {
  const host = (name: string, domains: string) =>
    `- {name: ${name}, domains: [${domains}], routes: [{match: {prefix: /}, route: {cluster: ${name}}}]}`;
  const hosts = [
    host('exact', '"a.example.com", "a.example.com:8080"'),
    host('suffix', '"*.example.com"'),
    host('longer', '"*.b.example.com"'),
    host('dash', '"*-x.example.com"'),
    host('prefix', '"a.*"'),
    host('any', '"*"'),
  ].join('\n');
  const table = routeTable(`name: r\nvirtual_hosts:\n${hosts}`);
  it.each([
    ['a.example.com', 'exact'],
    ['A.Example.COM', 'exact'],
    ['a.example.com:8080', 'exact'],
    ['a.example.com:81', 'prefix'],
    ['c.example.com', 'suffix'],
    ['c.b.example.com', 'longer'],
    ['c-x.example.com', 'dash'],
    ['.example.com', 'any'],
    ['a.org', 'prefix'],
    ['example.com', 'any'],
    ['', 'any'],
  ])('%s belongs to %s', (authority, name) => {
    expect(matchRoute(table, testRequest(`${authority}/`))?.virtualHost).toBe(name);
  });

  it('ignores the port when it is told to', () => {
    const ignoring = routeTable(`{name: r, ignore_port_in_host_matching: true, virtual_hosts: [
      {name: h, domains: [a, "[::1]"], routes: [{match: {prefix: /}, route: {cluster: c}}]}]}`);
    expect(matchRoute(ignoring, testRequest('a:81/'))?.virtualHost).toBe('h');
    expect(matchRoute(ignoring, testRequest('[::1]:81/'))?.virtualHost).toBe('h');
    expect(matchRoute(ignoring, testRequest('[::2]/'))).toBeUndefined();
  });

  it.each([
    ['a, A', "'A' is there twice"],
    ['"*", "*"', "'*' is there twice"],
    ['"*.a", "*.a"', "'*.a' is there twice"],
  ])('refuses the domains %s', (domains, message) => {
    const compiled = compileYamlRoutes(`{name: r, virtual_hosts: [{name: h, domains: [${domains}]}]}`);
    expect('errors' in compiled && compiled.errors).toEqual([`virtual_hosts[0].domains: ${message}`]);
  });

  it('finds one of ten thousand, compiled at its first request', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => host(`h${i}`, `h${i}.default`)).join('\n');
    const large = routeTable(`name: r\nvirtual_hosts:\n${many}`);
    expect(matchRoute(large, testRequest('h9999.default/'))?.virtualHost).toBe('h9999');
  });

  describe('that came as bytes', () => {
    const table = (name: string, count: number, more: object = {}): Buffer =>
      encodeMessage(TYPE.route, {
        name,
        virtual_hosts: Array.from({ length: count }, (_, i) => ({
          name: `h${i}`,
          domains: [`h${i}`],
          routes: [{ match: { prefix: '/' }, route: { cluster: `c${i}` } }],
          ...more,
        })),
        ignore_port_in_host_matching: true,
      });
    const compile = (message: object) => compileRouteConfiguration(message as never, TEST_ROUTE_DEPS);
    const matches = (message: object, target: string): string | undefined => {
      const compiled = compile(message);
      if (!('table' in compiled)) throw new Error(compiled.errors.join());
      // What was compiled at the first request serves the next.
      matchRoute(compiled.table, testRequest(target));
      return matchRoute(compiled.table, testRequest(target))?.virtualHost;
    };

    it.each([3, 100])('are found, %i of them, with the message as a whole', (count) => {
      const bytes = table('r', count);
      const message = decodeMessage(TYPE.route, bytes);
      rememberBytes(message, bytes);
      expect(matches(message, 'h2:81/')).toBe('h2');
    });

    it.each([3, 100])('are found, %i of them, with a message without them', (count) => {
      const message = decodeWithout<{ name: string }>(TYPE.route, 'virtual_hosts', table('r', count));
      expect(message).toEqual({ name: 'r', ignore_port_in_host_matching: true });
      expect(matches(message, 'h2:81/')).toBe('h2');
    });

    it('are refused one by one', () => {
      const broken = (bytes: Buffer): Buffer =>
        Buffer.from(bytes.toString('latin1').replace('\n\x02h1', '\xfa\xffh1'), 'latin1');
      const compiled = compile(decodeWithout(TYPE.route, 'virtual_hosts', broken(table('r', 3))));
      expect('errors' in compiled && compiled.errors[0]).toMatch(/^virtual_hosts\[1\]: cannot be decoded: /);
      const doubled = compile(decodeWithout(TYPE.route, 'virtual_hosts', table('r', 3, { name: 'same' })));
      expect('errors' in doubled && doubled.errors).toContain("virtual_hosts[2]: two virtual hosts are named 'same'");
    });
  });
});

describe('matches', () => {
  const table = routesOf(`
  - {name: exact, match: {path: /exact}, route: {cluster: c}}
  - {name: nocase, match: {path: /NoCase, case_sensitive: false}, route: {cluster: c}}
  - {name: separated, match: {path_separated_prefix: /sep}, route: {cluster: c}}
  - {name: regex, match: {safe_regex: {regex: "/re/[0-9]+"}}, route: {cluster: c}}
  - {name: header, match: {prefix: /h, headers: [{name: end-user, string_match: {exact: jason}}]}, route: {cluster: c}}
  - {name: query, match: {prefix: /q, query_parameters: [{name: a, string_match: {exact: "1"}}, {name: b, present_match: true}]}, route: {cluster: c}}
  - {name: grpc, match: {prefix: /g, grpc: {}}, route: {cluster: c}}
  - {name: never, match: {prefix: /n, runtime_fraction: {default_value: {numerator: 0}}}, route: {cluster: c}}
  - {name: connect, match: {connect_matcher: {}}, route: {cluster: c, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}
  - {name: unknown, match: {prefix: /u, dynamic_metadata: [{filter: f, path: [{key: a}], value: {}}]}, route: {cluster: c}}
  - {name: default, match: {prefix: /}, route: {cluster: c}}`);
  it.each([
    ['a/exact', {}, 'exact'],
    ['a/exact?q', {}, 'exact'],
    ['a/exact/', {}, 'default'],
    ['a/nocase', {}, 'nocase'],
    ['a/Exact', {}, 'default'],
    ['a/sep', {}, 'separated'],
    ['a/sep/x', {}, 'separated'],
    ['a/sep?x', {}, 'separated'],
    ['a/separate', {}, 'default'],
    ['a/re/12?x', {}, 'regex'],
    ['a/re/12/x', {}, 'default'],
    ['a/h', { 'End-User': 'jason' }, 'header'],
    ['a/h', { 'end-user': 'Jason' }, 'default'],
    ['a/q?b&a=1', {}, 'query'],
    ['a/q?a=1', {}, 'default'],
    ['a/g', { 'content-type': 'application/grpc+proto' }, 'grpc'],
    ['a/g', { 'content-type': 'application/grpc-web' }, 'default'],
    ['a/n', {}, 'default'],
    ['CONNECT a', {}, 'connect'],
    ['a/u', {}, 'default'],
  ])('%s with %j goes to %s', (target, headers, name) => {
    expect(matchRoute(table, testRequest(target, headers))?.name).toBe(name);
  });

  it('reports a condition that is not known', () => {
    const compiled = compileYamlRoutes(`{name: r, virtual_hosts: [{name: h, domains: ["*"], routes: [
      {match: {path_match_policy: {name: x}}, route: {cluster: c}}]}]}`);
    expect('warnings' in compiled && compiled.warnings).toEqual([
      'virtual_hosts[0].routes[0].match: has a condition that is not known here: the route never matches',
    ]);
  });

  it.each([
    ['/ign;x/y;z', 'segment'],
    ['/ign/y;z', 'segment'],
    ['/ign;x;z', 'plain'],
    ['/ign;', 'plain'],
    ['/ign?b=1;2', 'plain'],
  ])('without path parameters %s is %s', (path, name) => {
    const ignoring =
      routeTable(`{name: r, ignore_path_parameters_in_path_matching: true, virtual_hosts: [{name: h, domains: ["*"], routes: [
      {name: plain, match: {path: /ign}, route: {cluster: c}}, {name: segment, match: {path: /ign/y}, route: {cluster: c}}]}]}`);
    expect(matchRoute(ignoring, testRequest(`a${path}`))?.name).toBe(name);
  });

  it('takes a share by runtime_fraction', () => {
    const half = routesOf(`
  - {name: some, match: {prefix: /, runtime_fraction: {default_value: {numerator: 250000, denominator: MILLION}}}, route: {cluster: c}}
  - {name: rest, match: {prefix: /}, route: {cluster: c}}`);
    const random = seededRandom(7);
    const hits = Array.from({ length: 4000 }, () => matchRoute(half, testRequest('a/'), random)?.name);
    expect(hits.filter((name) => name === 'some').length / 4000).toBeCloseTo(0.25, 1);
  });
});

describe('errors', () => {
  it.each([
    ['{match: {prefix: /}}', 'routes[0]: has no action that is supported'],
    ['{match: {safe_regex: {regex: "("}}, route: {cluster: c}}', 'routes[0].match.safe_regex: regex'],
    ['{match: {prefix: /}, route: {}}', 'names no cluster'],
    [
      '{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: a, weight: 0}]}}}',
      'weighted_clusters: the weights',
    ],
    ['{match: {prefix: /}, route: {cluster: c, prefix_rewrite: /a, regex_rewrite: {pattern: {regex: a}}}}', 'both set'],
    ['{match: {prefix: /}, direct_response: {status: 99}}', 'status: must be from 200 to 599'],
    ['{match: {prefix: /}, route: {cluster: c, cors: {}}}', 'cors: is not supported'],
    [
      '{match: {prefix: /}, route: {cluster: c}, request_headers_to_add: [{header: {key: host, value: a}}]}',
      'cannot be added',
    ],
    ['{match: {prefix: /}, route: {cluster: c}, request_headers_to_remove: [":path"]}', 'cannot be removed'],
    [
      '{match: {prefix: /}, route: {cluster: c}, request_headers_to_add: [{header: {key: a, value: "%NOPE%"}}]}',
      'NOPE',
    ],
    [
      '{match: {prefix: /}, route: {cluster: c, retry_policy: {retry_back_off: {base_interval: 1s, max_interval: 0.5s}}}}',
      'max_interval',
    ],
  ])('refuses %s', (route, message) => {
    const compiled = compileYamlRoutes(`{name: r, virtual_hosts: [{name: h, domains: ["*"], routes: [${route}]}]}`);
    expect('errors' in compiled && compiled.errors.join('\n')).toContain(message);
  });
});

describe('headers and rewrites, as Envoy orders them', () => {
  const yaml = (wins: boolean) => `
name: r
most_specific_header_mutations_wins: ${wins}
request_headers_to_add:
- {header: {key: x-order, value: table}}
- {header: {key: x-over, value: table}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
response_headers_to_remove: [x-gone]
response_headers_to_add: [{header: {key: x-resp, value: "t-%REQ(x-in)%"}}]
virtual_hosts:
- name: h
  domains: ["*"]
  request_headers_to_add:
  - {header: {key: x-order, value: host}}
  - {header: {key: x-over, value: host}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
  routes:
  - match: {prefix: /w}
    request_headers_to_remove: [x-in]
    request_headers_to_add:
    - {header: {key: x-order, value: route}}
    - {header: {key: x-over, value: route}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
    - {header: {key: x-same, value: "1"}, append_action: ADD_IF_ABSENT}
    - {header: {key: x-same, value: "2"}, append_action: ADD_IF_ABSENT}
    - {header: {key: x-no, value: "1"}, append_action: OVERWRITE_IF_EXISTS}
    - {header: {key: x-pct, value: "100%%"}}
    route:
      weighted_clusters:
        clusters:
        - name: c
          weight: 1
          request_headers_to_add:
          - {header: {key: x-order, value: cluster}}
          - {header: {key: x-empty, value: "%REQ(nope)%"}}
          - {header: {key: x-kept, value: "%REQ(nope)%"}, keep_empty_value: true}
          - {header: {key: x-mixed, value: "a%REQ(nope)%b"}}
          - {header: {key: x-ip, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}`;
  const run = (wins: boolean) => {
    const request = testRequest('a/w', { 'x-in': 'q' });
    const entry = matchRoute(routeTable(yaml(wins)), request);
    const info = testInfo();
    if (entry?.action.kind !== 'forward') throw new Error('no route');
    const choice = entry.action.selectCluster(seededRandom(), request);
    choice?.prepareRequest(request, info);
    entry.prepareRequest(request, info);
    return { request, entry, info };
  };

  it('most specific first, so that the table has the last word', () => {
    const { request } = run(false);
    expect(request.headers.all('x-order')).toEqual(['cluster', 'route', 'host', 'table']);
    expect(request.headers.all('x-over')).toEqual(['table']);
    expect(request.headers.all('x-same')).toEqual(['1', '2']);
    expect(request.headers.has('x-no')).toBe(false);
    expect(request.headers.get('x-pct')).toBe('100%');
    expect(request.headers.has('x-in')).toBe(false);
    expect(request.headers.has('x-empty')).toBe(false);
    expect(request.headers.get('x-kept')).toBe('');
    expect(request.headers.get('x-mixed')).toBe('ab');
    expect(request.headers.get('x-ip')).toBe('10.0.0.9');
  });

  it('the other way round when the most specific wins', () => {
    const { request } = run(true);
    expect(request.headers.all('x-order')).toEqual(['cluster', 'table', 'host', 'route']);
    expect(request.headers.all('x-over')).toEqual(['route']);
  });

  it('changes the response, request operators included', () => {
    const { entry, info } = run(false);
    const response = { status: 200, reason: '', headers: new HeaderList() };
    response.headers.append('X-Gone', '1');
    entry.prepareResponse(response, info, testRequest('a/', { 'x-in': 'z' }));
    expect(response.headers.has('x-gone')).toBe(false);
    expect(response.headers.get('x-resp')).toBe('t-z');
  });

  it.each([
    [
      '{prefix: /host}',
      'host_rewrite_literal: other, append_x_forwarded_host: true, prefix_rewrite: /',
      'a:80/host/x?b',
      'other',
      '//x?b',
    ],
    ['{path_separated_prefix: /host}', 'prefix_rewrite: /n', 'a/host/x?b', 'a', '/n/x?b'],
    ['{safe_regex: {regex: "/re/(.*)"}}', 'prefix_rewrite: /new', 'a/re/abc?x=1', 'a', '/new?x=1'],
    ['{path: /e}', 'prefix_rewrite: /new', 'a/e?x=1', 'a', '/new?x=1'],
    [
      '{prefix: /sub}',
      'regex_rewrite: {pattern: {regex: "/sub/([^/]+)"}, substitution: "/\\\\1/x"}',
      'a/sub/abc/d?x',
      'a',
      '/abc/x/d?x',
    ],
    ['{prefix: /}', 'host_rewrite_header: x-h', 'a/p', 'from-header', '/p'],
    [
      '{prefix: /}',
      'host_rewrite_path_regex: {pattern: {regex: "^/([^/]+).*"}, substitution: "\\\\1.svc"}',
      'a/p/q',
      'p.svc',
      '/p/q',
    ],
  ])('rewrites %s with %s', (match, action, target, authority, path) => {
    const table = routesOf(`  - {match: ${match}, route: {cluster: c, ${action}}}`);
    const request = testRequest(target, { 'x-h': 'from-header' });
    const before = { ...request };
    matchRoute(table, request)?.prepareRequest(request, testInfo());
    expect([request.authority, request.path]).toEqual([authority, path]);
    expect(request.headers.get('x-envoy-original-path')).toBe(path === before.path ? undefined : before.path);
    expect(request.headers.get('x-envoy-original-host')).toBe(
      authority === before.authority ? undefined : before.authority,
    );
    expect(request.headers.get('x-forwarded-host')).toBe(action.includes('append_x') ? before.authority : undefined);
  });
});

describe('redirects', () => {
  it.each([
    ['https_redirect: true', 'a:80/r', 301, 'https://a/r'],
    ['https_redirect: true', 'a:8080/r', 301, 'https://a:8080/r'],
    ['port_redirect: 99', 'a:80/r', 301, 'http://a:99/r'],
    ['host_redirect: h.com, path_redirect: "/p?z=1"', 'a/r?a=1', 301, 'http://h.com/p?z=1'],
    ['prefix_rewrite: /q, strip_query: true, response_code: FOUND', 'a/r/x?y', 302, 'http://a/q/x'],
    ['path_redirect: /only', 'a/r?y=1', 301, 'http://a/only?y=1'],
    ['scheme_redirect: ftp, response_code: PERMANENT_REDIRECT', 'a/r', 308, 'ftp://a/r'],
    [
      'regex_rewrite: {pattern: {regex: "/r/(.)"}, substitution: "/\\\\1"}, response_code: SEE_OTHER',
      'a/r/z?q',
      303,
      'http://a/z?q',
    ],
  ])('%s for %s', (redirect, target, status, location) => {
    const request = testRequest(target);
    const action = matchRoute(routesOf(`  - {match: {prefix: /r}, redirect: {${redirect}}}`), request)?.action;
    expect(action?.kind === 'redirect' && [action.status, action.location(request)]).toEqual([status, location]);
  });
});

describe('forwarding', () => {
  const action = (route: string, target = 'a/', headers = {}) => {
    const found = matchRoute(
      routesOf(`  - {match: {prefix: /}, route: {${route}}}`),
      testRequest(target, headers),
    )?.action;
    if (found?.kind !== 'forward') throw new Error('no forward action');
    return found;
  };

  it('has the defaults of Envoy', () => {
    const { timeoutMs, idleTimeoutMs, retry, mirrors, priority, hashPolicies, clusterName } = action('cluster: c');
    expect({ timeoutMs, idleTimeoutMs, retry, mirrors, priority, hashPolicies, clusterName }).toEqual({
      timeoutMs: 15_000,
      idleTimeoutMs: undefined,
      retry: undefined,
      mirrors: [],
      priority: 'default',
      hashPolicies: [],
      clusterName: 'c',
    });
    expect(action('cluster: c, timeout: 0s').timeoutMs).toBe(0);
    expect(action('cluster: c, timeout: 0.25s').timeoutMs).toBe(250);
  });

  it('chooses clusters by weight', () => {
    const forward = action(
      'weighted_clusters: {clusters: [{name: a, weight: 90}, {name: z, weight: 0}, {name: b, weight: 10}]}',
    );
    const random = seededRandom(3);
    const counts: Record<string, number> = {};
    for (let i = 0; i < 20_000; i++) {
      const name = forward.selectCluster(random, testRequest('a/'))?.name ?? '';
      counts[name] = (counts[name] ?? 0) + 1;
    }
    expect(counts['z']).toBeUndefined();
    expect((counts['b'] ?? 0) / 20_000).toBeGreaterThan(0.09);
    expect((counts['b'] ?? 0) / 20_000).toBeLessThan(0.11);
  });

  it('chooses by a header where it is told to', () => {
    const forward = action(
      'weighted_clusters: {header_name: x-w, clusters: [{name: a, weight: 1}, {name: b, weight: 1}]}',
    );
    const chosen = ['0', '1', '2', '18446744073709551615'].map(
      (value) => forward.selectCluster(seededRandom(), testRequest('a/', { 'x-w': value }))?.name,
    );
    expect(chosen).toEqual(['a', 'b', 'a', 'b']);
    expect(action('cluster_header: x-c').selectCluster(seededRandom(), testRequest('a/', { 'x-c': 'z' }))?.name).toBe(
      'z',
    );
    expect(action('cluster_header: x-c').selectCluster(seededRandom(), testRequest('a/'))?.name).toBe('');
  });

  it('gives the filter configuration of the chosen cluster, then route, host and table', () => {
    const fault = (percent: number) =>
      `{f: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {http_status: 503, percentage: {numerator: ${percent}}}}}`;
    const table = routesOf(`
  - match: {prefix: /}
    typed_per_filter_config: ${fault(1)}
    route:
      weighted_clusters:
        clusters:
        - {name: a, weight: 1, typed_per_filter_config: ${fault(2)}}
        - {name: b, weight: 1}`);
    const seen = new Map<string, unknown>();
    const random = seededRandom();
    for (let i = 0; i < 50; i++) {
      const entry = matchRoute(table, testRequest('a/'), random);
      if (entry?.action.kind !== 'forward') throw new Error('no forward action');
      const name = entry.action.selectCluster(random, testRequest('a/'))?.name ?? '';
      const config = entry.filterConfig('f');
      expect(seen.get(name) ?? config).toBe(config);
      seen.set(name, config);
    }
    expect(seen.size).toBe(2);
    expect(seen.get('a')).not.toBe(seen.get('b'));
  });

  it('compiles retries', () => {
    const { retry } = action(
      'cluster: c, retry_policy: {retry_on: "5xx, connect-failure,bogus,retriable-status-codes", num_retries: 3, retriable_status_codes: [503], per_try_timeout: 2s, host_selection_retry_max_attempts: 5, retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts}]}',
    );
    expect(retry).toMatchObject({
      on: new Set(['5xx', 'connect-failure', 'retriable-status-codes']),
      statusCodes: new Set([503]),
      retries: 3,
      perTryTimeoutMs: 2000,
      backOffBaseMs: 25,
      backOffMaxMs: 250,
      hostSelectionAttempts: 5,
      skipPreviousHosts: true,
    });
  });

  it('hashes what the policies name', () => {
    const { hashPolicies } = action(
      'cluster: c, hash_policy: [{header: {header_name: X-U}, terminal: true}, {cookie: {name: s, ttl: 60s, path: /p}}, {query_parameter: {name: q}}, {connection_properties: {source_ip: true}}]',
    );
    const request = testRequest('a/?q=7', { 'x-u': 'me', cookie: 'o=1; s="v"' });
    expect(hashPolicies.map((policy) => policy.key(request, testInfo()))).toEqual(['me', 'v', '7', '10.0.0.9']);
    expect(hashPolicies[0]?.terminal).toBe(true);
    expect(hashPolicies[1]?.generateCookie).toEqual({ name: 's', path: '/p', ttlSeconds: 60 });
  });

  it('compiles mirrors and upgrades', () => {
    const forward = action(
      'cluster: c, request_mirror_policies: [{cluster: m, runtime_fraction: {default_value: {numerator: 50}}}], upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: CONNECT, enabled: false}]',
    );
    expect(forward.mirrors).toEqual([{ cluster: 'm', fraction: 0.5, appendShadow: true }]);
    expect([...forward.upgrades]).toEqual([
      ['websocket', true],
      ['connect', false],
    ]);
  });
});
