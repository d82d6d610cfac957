import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../common/runtime/testing.js';
import { EXTENSION } from '../../../common/xds/type-urls.js';
import { jwks, makeToken } from '../../../test/support/tokens.js';
import { HeaderList } from '../../http/headers.js';
import type { LocalReply } from '../../http/stream.js';
import { type ServiceAnswer, ServiceCallError } from '../../router/forward/service-call.js';
import { fromYaml, testRequest } from '../../router/testing.js';
import { Issues } from '../../snapshot/issues.js';
import { FILTER_DISABLED, type HttpFilter } from '../filter.js';
import { filterContext } from '../testing.js';
import { compileJwtPerRoute, type JwtDeps, jwtFactory } from './jwt-filter.js';
import { parseKeySet } from './keys.js';
import { parseToken } from './token.js';
import { TokenCache } from './token-cache.js';

const CLAIMS = { iss: 'me', sub: 'alice' };
const GOOD = makeToken({ claims: CLAIMS });
const LOCAL = `{issuer: me, local_jwks: {inline_string: '${jwks(['rsa'])}'}`;

/** An issuer's server that can be told what to answer. */
class Issuer {
  calls = 0;
  keys: string | undefined = jwks(['rsa']);

  readonly services: JwtDeps['services'] = {
    call: async ({ cluster }): Promise<ServiceAnswer> => {
      this.calls++;
      await Promise.resolve();
      if (this.keys === undefined) throw new ServiceCallError(cluster, 'connect-failure');
      return { status: 200, headers: new HeaderList(), body: Buffer.from(this.keys), trailers: undefined };
    },
  };
}

function compile(yaml: string, issuer = new Issuer(), clock = new ManualClock(), counted: string[] = []) {
  const issues = new Issues();
  const deps: JwtDeps = {
    clock,
    random: () => 0.5,
    services: issuer.services,
    counters: (name) => ({ increment: () => counted.push(name) }),
  };
  const place = { name: 'jwt', direction: 'inbound' as const, statPrefix: 'in' };
  const filter = jwtFactory(deps).compile(fromYaml(EXTENSION.jwtAuthn, yaml), place, issues);
  return { filter: filter as HttpFilter, issues };
}

const one = (provider: string, requires = '{provider_name: p}'): string =>
  `{providers: {p: ${provider}}, rules: [{match: {prefix: /}, requires: ${requires}}]}`;

async function ask(filter: HttpFilter, token: string, config?: unknown): Promise<LocalReply | undefined> {
  return filter.onRequest?.(filterContext(testRequest('a/', { authorization: `Bearer ${token}` }), { config }));
}

describe('tokens', () => {
  it.each([
    ['too long', `${'a'.repeat(50_000)}.b.c`, 'bad-format'],
    ['too deep', makeToken({ payload: `{"a":${'['.repeat(200)}${']'.repeat(200)}}` }), 'payload-json'],
    ['no UTF-8', `${GOOD.split('.')[0]}.${Buffer.from([0x7b, 0xff]).toString('base64url')}.c2ln`, 'payload-json'],
    ['null for a name', makeToken({ claims: { iss: null } }), 'iss-text'],
  ])('%s', (_what, token, status) => {
    expect(parseToken(token)).toBe(status);
  });

  it('a field of that name in the prototype is none of theirs', () => {
    const token = parseToken(makeToken({ payload: '{"__proto__": {"iss": "me"}}' }));
    expect(token).toMatchObject({ issuer: '' });
  });

  it('bounds what it remembers, and forgets what was not used for longest', () => {
    const cache = new TokenCache(2, 5);
    const token = parseToken(GOOD);
    if (typeof token === 'string') throw new Error(token);
    for (const text of ['a', 'b']) cache.add(text, token);
    cache.get('a');
    cache.add('c', token);
    cache.add('longer', token);
    expect(['a', 'b', 'c', 'longer'].map((text) => cache.get(text) !== undefined)).toEqual([true, false, true, false]);
  });
});

describe('sets of keys', () => {
  it('never have symmetric keys, nor short ones, nor what is no key', () => {
    const odd = [
      { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' },
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      { kty: 'EC' },
      7,
      null,
    ];
    expect(parseKeySet(jwks(['rsa', 'ec256', 'ed'], odd as object[]))?.map(({ kid }) => kid)).toEqual([
      'rsa',
      'ec256',
      'ed',
    ]);
    expect(parseKeySet(jwks([], odd as object[]))).toBeUndefined();
  });

  it.each(['', 'x', '[]', '{}', '{"keys": 7}'])('%s has none', (text) => {
    expect(parseKeySet(text)).toBeUndefined();
  });
});

describe('filter', () => {
  it('checks a token once, as long as the keys stay', async () => {
    const counted: string[] = [];
    const { filter } = compile(one(`${LOCAL}}`), undefined, undefined, counted);
    expect(await ask(filter, GOOD)).toBeUndefined();
    const again = filter.onRequest?.(filterContext(testRequest('a/', { authorization: `Bearer ${GOOD}` })));
    expect(again).toBeUndefined();
    expect(counted.map((name) => name.replace('http.in.jwt_authn.', ''))).toEqual([
      'jwt_cache_miss',
      'allowed',
      'jwt_cache_hit',
      'allowed',
    ]);
  });

  it('takes no symmetric key of a public set', async () => {
    const set = jwks(['rsa'], [{ kty: 'oct', k: 'c2VjcmV0', kid: 'rsa' }]);
    const { filter } = compile(one(`{issuer: me, local_jwks: {inline_string: '${set}'}}`));
    expect(await ask(filter, makeToken({ alg: 'HS256', claims: CLAIMS }))).toMatchObject({ status: 401 });
  });

  it('asks more of a token where it is told to', async () => {
    const clock = new ManualClock();
    clock.advance(1e12);
    const now = clock.now() / 1000;
    const strict = compile(one(`${LOCAL}, subjects: {prefix: a}, max_lifetime: 3600s}`), undefined, clock).filter;
    const ends = (seconds: number, sub = 'alice'): string =>
      makeToken({ claims: { ...CLAIMS, sub, exp: now + seconds } });
    expect(await ask(strict, ends(60))).toBeUndefined();
    expect(await ask(strict, ends(7200))).toMatchObject({ status: 401, body: 'Jwt verification fails' });
    expect(await ask(strict, GOOD)).toMatchObject({ status: 401 });
    expect(await ask(strict, ends(60, 'bob'))).toMatchObject({ status: 401 });
    expect(await ask(strict, ends(-59))).toBeUndefined();
    expect(await ask(strict, ends(-62))).toMatchObject({ status: 401, body: 'Jwt is expired' });
  });

  it('tells why it refused, in metadata and tersely', async () => {
    const { filter } = compile(
      one(`${LOCAL}, failed_status_in_metadata: failed, payload_in_metadata: payload}`).replace(
        /}$/,
        ', strip_failure_response: true}',
      ),
    );
    const context = filterContext(testRequest('a/', { authorization: 'Bearer x' }));
    const reply = await filter.onRequest?.(context);
    expect(reply).toMatchObject({ status: 401, body: '' });
    expect(reply?.headers).toBeUndefined();
    expect(context.info.metadata?.get('envoy.filters.http.jwt_authn')).toMatchObject({ failed: { code: '4' } });
  });

  it('takes the requirement of the route', async () => {
    const { filter } = compile(`{providers: {p: ${LOCAL}}}, requirement_map: {must: {provider_name: p}}}`);
    const perRoute = (yaml: string) => compileJwtPerRoute(fromYaml(EXTENSION.jwtAuthnPerRoute, yaml), new Issues());
    expect(await ask(filter, 'x')).toBeUndefined();
    expect(await ask(filter, 'x', perRoute('{requirement_name: must}'))).toMatchObject({ status: 401 });
    expect(await ask(filter, 'x', perRoute('{requirement_name: other}'))).toMatchObject({ status: 403 });
    expect(perRoute('{disabled: true}')).toBe(FILTER_DISABLED);
  });

  it.each([
    one(`${LOCAL}}`, '{provider_name: q}'),
    one(`${LOCAL}}`, '{extract_only_without_validation: {}}'),
    one('{issuer: me}'),
    one('{remote_jwks: {http_uri: {uri: "http://a/k", timeout: 1s}}}'),
    '{filter_state_rules: {name: x}}',
    '{rules: [{match: {prefix: /}, requirement_name: x}]}',
  ])('%s is refused', (yaml) => {
    const { filter, issues } = compile(yaml);
    expect(filter).toBeUndefined();
    expect(issues.errors.length).toBeGreaterThan(0);
  });
});

describe('keys from an issuer', () => {
  const REMOTE =
    '{issuer: me, remote_jwks: {http_uri: {uri: "http://a/keys", cluster: c, timeout: 1s}, cache_duration: 60s}}';

  it('are fetched once for all who wait', async () => {
    const issuer = new Issuer();
    const { filter } = compile(one(REMOTE), issuer);
    const tokens = [1, 2, 3].map((n) => makeToken({ claims: { ...CLAIMS, n } }));
    expect(await Promise.all(tokens.map((token) => ask(filter, token)))).toEqual([undefined, undefined, undefined]);
    expect(issuer.calls).toBe(1);
  });

  it('are kept while the issuer is down, and replaced when it is back', async () => {
    const issuer = new Issuer();
    const clock = new ManualClock();
    const { filter } = compile(one(REMOTE), issuer, clock);
    expect(await ask(filter, GOOD)).toBeUndefined();
    issuer.keys = undefined;
    clock.advance(120_000);
    expect(await ask(filter, makeToken({ claims: { ...CLAIMS, n: 1 } }))).toBeUndefined();
    issuer.keys = jwks(['other']);
    clock.advance(120_000);
    expect(await ask(filter, makeToken({ key: 'other', claims: CLAIMS }))).toBeUndefined();
    // Not even a token that was good before passes by the old key.
    expect(await ask(filter, GOOD)).toMatchObject({ status: 401 });
  });

  it('are asked for when a token names one that is new, though not by every such token', async () => {
    const issuer = new Issuer();
    const clock = new ManualClock();
    const { filter } = compile(one(REMOTE), issuer, clock);
    expect(await ask(filter, GOOD)).toBeUndefined();
    issuer.keys = jwks(['rsa', 'other']);
    clock.advance(11_000);
    expect(await ask(filter, makeToken({ key: 'other', claims: CLAIMS }))).toBeUndefined();
    for (let i = 0; i < 20; i++) await ask(filter, makeToken({ kid: `x${i}`, claims: CLAIMS }));
    expect(issuer.calls).toBe(2);
  });

  it('refuse every token where there are none', async () => {
    const issuer = new Issuer();
    issuer.keys = undefined;
    const { filter } = compile(one(REMOTE), issuer);
    expect(await ask(filter, GOOD)).toMatchObject({ status: 401, body: 'Jwks remote fetch is failed' });
  });

  it('are fetched before anybody asks where that is wanted', async () => {
    const issuer = new Issuer();
    compile(one(REMOTE.replace('cache_duration', 'async_fetch: {fast_listener: true}, cache_duration')), issuer);
    await Promise.resolve();
    expect(issuer.calls).toBe(1);
  });
});
