import { describe, expect, it } from 'vitest';
import { EXTENSION } from '../../../common/xds/type-urls.js';
import type { RBAC__Output } from '../../../proto/gen/envoy/extensions/filters/http/rbac/v3/RBAC.js';
import { PLAINTEXT_PEER } from '../../http/stream-info.js';
import { fromYaml, TEST_CONNECTION, testRequest } from '../../router/testing.js';
import { Issues } from '../../snapshot/issues.js';
import { filterContext, MESH_CONNECTION } from '../testing.js';
import { compileRbac } from './engine.js';
import { compileRbacPerRoute, httpRbacFactory } from './http-rbac.js';
import { compileNetworkRbac } from './network-rbac.js';

const ANY = '{any: true}';

function engine(action: string, permission: string, principal: string) {
  const issues = new Issues();
  const yaml = `{rules: {action: ${action}, policies: {p: {permissions: [${permission}], principals: [${principal}]}}}}`;
  const { rules } = fromYaml(EXTENSION.httpRbac, yaml) as RBAC__Output;
  return { rbac: compileRbac(rules!, issues), issues };
}

describe('permissions and principals', () => {
  const me = 'spiffe://cluster.local/ns/default/sa/productpage';
  it.each([
    [ANY, ANY, true],
    ['{header: {name: ":method", string_match: {exact: GET}}}', ANY, true],
    ['{header: {name: ":method", string_match: {exact: POST}}}', ANY, false],
    ['{not_rule: {header: {name: ":method", string_match: {exact: POST}}}}', ANY, true],
    ['{url_path: {path: {exact: /info}}}', ANY, true],
    ['{url_path: {path: {prefix: /in}}}', ANY, true],
    ['{url_path: {path: {exact: "/info?x=1"}}}', ANY, false],
    ['{url_path: {path: {safe_regex: {regex: "/i.*o"}}}}', ANY, true],
    ['{destination_port: 8080}', ANY, true],
    ['{destination_port: 8081}', ANY, false],
    ['{destination_port_range: {start: 8080, end: 8081}}', ANY, true],
    ['{destination_port_range: {start: 8000, end: 8080}}', ANY, false],
    ['{destination_ip: {address_prefix: 10.0.0.0, prefix_len: 8}}', ANY, true],
    ['{destination_ip: {address_prefix: "::", prefix_len: 0}}', ANY, false],
    ['{requested_server_name: {prefix: outbound_}}', ANY, true],
    ['{and_rules: {rules: [{any: true}, {destination_port: 1}]}}', ANY, false],
    ['{or_rules: {rules: [{destination_port: 1}, {any: true}]}}', ANY, true],
    ['{metadata: {filter: f, path: [{key: k}], value: {present_match: true}}}', ANY, false],
    [ANY, '{authenticated: {}}', true],
    [ANY, `{authenticated: {principal_name: {exact: "${me}"}}}`, true],
    [ANY, '{authenticated: {principal_name: {suffix: /sa/other}}}', false],
    [ANY, '{source_ip: {address_prefix: 10.0.0.9, prefix_len: 32}}', true],
    [ANY, '{direct_remote_ip: {address_prefix: 10.0.0.8, prefix_len: 32}}', false],
    [ANY, '{source_ip: {address_prefix: "::ffff:10.0.0.9", prefix_len: 128}}', true],
    [ANY, '{source_ip: {address_prefix: "::ffff:10.0.0.0", prefix_len: 120}}', true],
    [ANY, '{source_ip: {address_prefix: "::ffff:10.0.1.0", prefix_len: 120}}', false],
    [ANY, '{remote_ip: {address_prefix: 10.0.0.8, prefix_len: 31}}', true],
    [ANY, '{not_id: {remote_ip: {address_prefix: 10.0.0.8, prefix_len: 31}}}', false],
    [ANY, '{header: {name: x-user, string_match: {exact: u}}}', true],
    [ANY, '{and_ids: {ids: [{any: true}, {header: {name: x-none, present_match: true}}]}}', false],
    [ANY, '{or_ids: {ids: [{header: {name: x-none, present_match: true}}, {any: true}]}}', true],
    [ANY, `{filter_state: {key: io.istio.peer_principal, string_match: {exact: "${me}"}}}`, true],
  ])('%s by %s: %s', (permission, principal, matches) => {
    const subject = { request: testRequest('a/info?x=1', { 'x-user': 'u' }), connection: MESH_CONNECTION };
    expect(engine('ALLOW', permission, principal).rbac.decide(subject).allowed).toBe(matches);
    expect(engine('DENY', permission, principal).rbac.decide(subject).allowed).toBe(!matches);
    expect(engine('LOG', permission, principal).rbac.decide(subject).allowed).toBe(true);
  });

  it.each([
    ['{authenticated: {}}', false],
    ['{authenticated: {principal_name: {safe_regex: {regex: ".*"}}}}', false],
    ['{not_id: {authenticated: {principal_name: {safe_regex: {regex: ".*"}}}}}', true],
    ['{filter_state: {key: io.istio.peer_principal, string_match: {safe_regex: {regex: ".*"}}}}', false],
  ])('plaintext proves nothing: %s is %s', (principal, allowed) => {
    const subject = { request: testRequest('a/'), connection: TEST_CONNECTION };
    expect(engine('ALLOW', ANY, principal).rbac.decide(subject).allowed).toBe(allowed);
  });

  it('believes no name of a certificate that was not verified', () => {
    const connection = {
      ...TEST_CONNECTION,
      peer: { ...PLAINTEXT_PEER, tlsVersion: 'TLSv1.3', uriSan: 'spiffe://a', dnsSans: ['a'], subject: 'CN=a' },
    };
    const { rbac } = engine('ALLOW', ANY, '{authenticated: {principal_name: {contains: a}}}');
    expect(rbac.decide({ request: testRequest('a/'), connection }).allowed).toBe(false);
  });
});

describe('metadata that filters left', () => {
  const metadata = new Map([
    ['jwt', { payload: { iss: 'me', aud: ['a', 'b'], n: 3, ok: true, none: null, deep: { er: 'x' } } }],
  ]);
  const match = (path: string, value: string, more = '') =>
    `{metadata: {filter: jwt, path: [${path
      .split('.')
      .map((key) => `{key: ${key}}`)
      .join(', ')}], value: ${value}${more}}}`;
  it.each([
    [match('payload.iss', '{string_match: {exact: me}}'), true],
    [match('payload.iss', '{string_match: {exact: you}}'), false],
    [match('payload.iss', '{string_match: {exact: you}}', ', invert: true'), true],
    [match('payload.aud', '{list_match: {one_of: {string_match: {exact: b}}}}'), true],
    [match('payload.aud', '{string_match: {exact: b}}'), false],
    [match('payload.aud', '{or_match: {value_matchers: [{string_match: {exact: b}}, {present_match: true}]}}'), true],
    [match('payload.deep.er', '{string_match: {prefix: x}}'), true],
    [match('payload.iss.er', '{present_match: true}'), false],
    [match('payload.toString', '{present_match: true}'), false],
    [match('payload.n', '{double_match: {range: {start: 3, end: 4}}}'), true],
    [match('payload.n', '{double_match: {exact: 4}}'), false],
    [match('payload.ok', '{bool_match: true}'), true],
    [match('payload.none', '{null_match: {}}'), true],
    [match('payload.absent', '{present_match: true}', ', invert: true'), true],
  ])('%s: %s', (matcher, matches) => {
    const subject = { request: testRequest('a/'), connection: TEST_CONNECTION, metadata };
    expect(engine('ALLOW', matcher, ANY).rbac.decide(subject).allowed).toBe(matches);
    expect(engine('ALLOW', ANY, matcher).rbac.decide(subject).allowed).toBe(matches);
  });
});

describe('what is not known never lets anybody in', () => {
  const unknown = '{uri_template: {name: x}}';
  const never = '{destination_port: 1}';
  // Each holds in ALLOW (allowed) and in DENY (denied).
  it.each([
    [unknown, false, true],
    [`{not_rule: ${unknown}}`, false, true],
    [`{and_rules: {rules: [${unknown}, ${ANY}]}}`, false, true],
    [`{and_rules: {rules: [${unknown}, ${never}]}}`, false, false],
    [`{or_rules: {rules: [${unknown}, ${ANY}]}}`, true, true],
    [`{or_rules: {rules: [${unknown}, ${never}]}}`, false, true],
    [`{not_rule: {or_rules: {rules: [${unknown}, ${never}]}}}`, false, true],
    [`{not_rule: {not_rule: ${unknown}}}`, false, true],
    ['{url_path: {path: {}}}', false, true],
    ['{header: {name: a, string_match: {}, invert_match: true}}', false, true],
  ])('%s', (permission, allowed, denied) => {
    const subject = { request: testRequest('a/', { a: 'b' }), connection: TEST_CONNECTION };
    const allow = engine('ALLOW', permission, ANY);
    expect(allow.rbac.decide(subject).allowed).toBe(allowed);
    expect(allow.issues.warnings.length).toBeGreaterThan(0);
    expect(allow.issues.errors).toEqual([]);
    expect(engine('DENY', permission, ANY).rbac.decide(subject).allowed).toBe(!denied);
  });
});

it.each([
  ['{url_path: {path: {safe_regex: {regex: "("}}}}', ANY],
  ['{destination_ip: {address_prefix: nonsense}}', ANY],
  ['{or_rules: {}}', ANY],
  [ANY, '{remote_ip: {address_prefix: 10.0.0.1, prefix_len: 33}}'],
])('%s by %s is refused', (permission, principal) => {
  expect(engine('ALLOW', permission, principal).issues.errors.length).toBeGreaterThan(0);
});

describe('HTTP filter', () => {
  const compile = (yaml: string, counted: string[] = []) => {
    const issues = new Issues();
    const factory = httpRbacFactory((name) => ({ increment: () => counted.push(name) }));
    const place = { name: 'rbac', direction: 'inbound' as const, statPrefix: 'in' };
    const filter = factory.compile(fromYaml(EXTENSION.httpRbac, yaml), place, issues);
    if (filter === undefined || filter === 'none') throw new Error('no filter');
    return filter;
  };
  const admin = '{permissions: [{url_path: {path: {prefix: /admin}}}], principals: [{any: true}]}';

  it('answers as Envoy does, with the policy in the details', () => {
    const filter = compile(
      `{rules: {action: DENY, policies: {"b ns[x]": ${admin}, a: {permissions: [{destination_port: 1}], principals: [{any: true}]}}}}`,
    );
    expect(filter.onRequest?.(filterContext(testRequest('a/admin/x')))).toEqual({
      status: 403,
      body: 'RBAC: access denied',
      details: 'rbac_access_denied_matched_policy[b_ns[x]]',
      flags: 0,
    });
    expect(filter.onRequest?.(filterContext(testRequest('a/user')))).toBeUndefined();
  });

  it('denies everything by ALLOW without policies', () => {
    const reply = compile('{rules: {}}').onRequest?.(filterContext());
    expect(reply).toMatchObject({ status: 403, details: 'rbac_access_denied_matched_policy[none]' });
  });

  it('lets everything pass without rules', () => {
    expect(compile('{}').onRequest?.(filterContext())).toBeUndefined();
  });

  it('only counts what shadow rules would do', () => {
    const counted: string[] = [];
    const filter = compile(
      `{shadow_rules_stat_prefix: dry_, shadow_rules: {action: DENY, policies: {p: ${admin}}}}`,
      counted,
    );
    expect(filter.onRequest?.(filterContext(testRequest('a/admin')))).toBeUndefined();
    expect(filter.onRequest?.(filterContext(testRequest('a/')))).toBeUndefined();
    expect(counted).toEqual(['http.in.rbac.dry_shadow_denied', 'http.in.rbac.dry_shadow_allowed']);
  });

  it('tells what rules and shadow rules decided, and what is to be logged', () => {
    const context = filterContext(testRequest('a/admin'));
    void compile(
      `{rules: {action: DENY, policies: {q: ${admin}}}, shadow_rules_stat_prefix: dry_, shadow_rules: {action: ALLOW}}`,
    ).onRequest?.(context);
    void compile(`{rules: {action: LOG, policies: {audit: ${admin}}}}`).onRequest?.(context);
    expect(Object.fromEntries(context.info.metadata ?? [])).toEqual({
      'envoy.filters.http.rbac': {
        dry_shadow_engine_result: 'denied',
        enforced_engine_result: 'allowed',
        enforced_effective_policy_id: 'audit',
      },
      'envoy.common': { access_log_hint: true },
    });
  });

  it('takes the rules of the route, and none where the route switches it off', () => {
    const filter = compile('{rules: {}}');
    const off = compileRbacPerRoute({}, new Issues());
    expect(filter.onRequest?.(filterContext(testRequest('a/'), { config: off }))).toBeUndefined();
  });

  // A path is compared as it will be sent; normalising it is the connection manager's choice.
  it.each([
    ['/admin', true],
    ['/admin?x', true],
    ['/admin#x', true],
    ['/admin/', true],
    ['/ADMIN', false],
    ['/x/../admin', false],
    ['//admin', false],
    ['/%61dmin', false],
    ['/user?/admin', false],
    ['/user#/admin', false],
  ])('DENY of the prefix /admin: %s is denied: %s', (path, denied) => {
    const filter = compile(`{rules: {action: DENY, policies: {p: ${admin}}}}`);
    expect(filter.onRequest?.(filterContext({ ...testRequest('a/'), path })) !== undefined).toBe(denied);
  });
});

it('the network filter decides by the connection alone', () => {
  const rules = (principal: string) =>
    fromYaml(
      EXTENSION.networkRbac,
      `{stat_prefix: t., rules: {policies: {p: {permissions: [{destination_port: 8080}], principals: [${principal}]}}}}`,
    );
  const filter = (principal: string) =>
    compileNetworkRbac(rules(principal), 'rbac', () => ({ increment: () => {} }), new Issues());
  expect(
    filter('{authenticated: {principal_name: {suffix: /productpage}}}').onConnection(MESH_CONNECTION, {
      metadata: undefined,
    }),
  ).toEqual({
    allow: true,
  });
  expect(filter('{authenticated: {}}').onConnection(TEST_CONNECTION, { metadata: undefined })).toEqual({
    allow: false,
    details: 'rbac_access_denied_matched_policy[none]',
  });
  expect(
    filter('{header: {name: ":path", string_match: {prefix: /}}}').onConnection(MESH_CONNECTION, {
      metadata: undefined,
    }),
  ).toMatchObject({ allow: false });
});
