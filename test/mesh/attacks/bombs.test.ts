import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jwks, makeToken } from '../../support/tokens.js';
import { get, SidecarPair } from '../sidecar/pair.js';
import { get as get2, sendHttp2 } from './raw-http2.js';

const ROUTES = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: regexes}
spec:
  hosts: [shop.default.svc.cluster.local]
  http:
    - match: [{uri: {regex: "/(a+)+$"}}, {headers: {x: {regex: "(x+x+)+y"}}}, {queryParams: {q: {regex: "(.*)*z"}}}]
      directResponse: {status: 418}
    - route: [{destination: {host: shop.default.svc.cluster.local}}]
`;

const KEYS = JSON.parse(jwks(['rsa'])) as { keys: readonly object[] };
/** The one key that counts comes after many that do not. */
const MANY_KEYS = [...Array.from({ length: 120 }, (_, i) => ({ ...KEYS.keys[0], kid: `k${i}` })), ...KEYS.keys];
const TOKENS = `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens}
spec:
  selector: {matchLabels: {app: shop}}
  jwtRules: [{issuer: me, jwks: '${JSON.stringify({ keys: MANY_KEYS })}'}]
`;

const pair = new SidecarPair();
beforeAll(async () => {
  await pair.start(ROUTES + TOKENS);
  await pair.mesh.until('the routes', async () => {
    const { responses } = await pair.run({ send: [get('/aaa')] });
    expect(responses[0]?.start).toContain(' 418 ');
  });
});
afterAll(() => pair.dispose());

const LONG = 30_000;

describe('a request that is a bomb', () => {
  it.each([
    ['a path', get(`/${'a'.repeat(LONG)}b`)],
    ['a header', get('/', `x: ${'x'.repeat(LONG)}`)],
    ['a query', get(`/?q=${'.'.repeat(LONG)}`)],
  ])('for regular expressions, in %s, is answered', async (_what, bytes) => {
    const { responses } = await pair.run({ send: [bytes], timeoutMs: 8000 });
    expect(responses[0]?.start).toContain(' 200 ');
  });

  it.each([
    ['a head of a megabyte', get('/', `x: ${'x'.repeat(1024 * 1024)}`)],
    ['ten thousand fields', get('/', ...Array.from({ length: 10_000 }, (_, i) => `x-${i}: y`))],
    ['a start line of a megabyte', get(`/${'a'.repeat(1024 * 1024)}`)],
  ])('%s is refused, and others are served', async (_what, bytes) => {
    const { responses, received } = await pair.run({ to: 'server', send: [bytes] });
    expect(received).toEqual([]);
    if (responses[0] !== undefined) expect(responses[0].start).toMatch(/ 4\d\d /);
    await sendHttp2(pair.ports.inbound, get2('/', ...Array.from({ length: 1000 }, () => ['x', 'y'] as const)));
    const after = await pair.run({ to: 'server', send: [get('/after')] });
    expect(after.responses[0]?.start).toContain(' 200 ');
  });

  const claims = (of: object): object => ({ iss: 'me', sub: 'a', ...of });
  const many = (length: number, value: unknown): object =>
    Object.fromEntries(Array.from({ length }, (_, i) => [`c${i}`, value]));
  it.each([
    ['of half a megabyte', makeToken({ claims: claims({ a: 'x'.repeat(500_000) }) }), /^$| (431|401) /],
    ['of ten thousand nested lists', makeToken({ payload: '['.repeat(10_000) }), / 401 /],
    [
      'with claims nested ten thousand deep',
      makeToken({ payload: `{"iss":"me","a":${'['.repeat(10_000)}${']'.repeat(10_000)}}` }),
      / (200|401) /,
    ],
    ['with two thousand claims', makeToken({ claims: claims(many(2000, 1)) }), / 200 /],
    ['with two thousand fields in its head', makeToken({ claims: claims({}), header: many(2000, 1) }), / (200|401) /],
    [
      'with two thousand critical extensions',
      makeToken({ claims: claims({}), header: { crit: Object.keys(many(2000, 1)) } }),
      / 401 /,
    ],
    ['with a kid of twenty thousand letters', makeToken({ claims: claims({}), kid: 'k'.repeat(20_000) }), / 401 /],
    ['with two thousand audiences', makeToken({ claims: claims({ aud: Object.keys(many(2000, 1)) }) }), / 200 /],
    ['of ten thousand parts', 'a.'.repeat(10_000), / 401 /],
  ])('as a token %s is answered, and others are served', async (_what, token, expected) => {
    const { responses } = await pair.run({
      to: 'server',
      send: [get('/', `Authorization: Bearer ${token}`)],
      timeoutMs: 8000,
    });
    expect(responses[0]?.start ?? '').toMatch(expected);
    const good = makeToken({ claims: claims({}) });
    const after = await pair.run({ to: 'server', send: [get('/after', `Authorization: Bearer ${good}`)] });
    expect(after.responses[0]?.start).toContain(' 200 ');
  });

  it('as ninety tokens at once is answered', async () => {
    const fields = Array.from({ length: 90 }, () => `Authorization: Bearer ${makeToken({ claims: { iss: 'other' } })}`);
    const { responses } = await pair.run({ to: 'server', send: [get('/', ...fields)], timeoutMs: 8000 });
    expect(responses[0]?.start).toMatch(/ 4\d\d /);
  });

  it.each(['a{99999}', '((a{100}){100}){100}', '(?=x)', '('])(
    'the policy with the expression %s is refused',
    async (regex) => {
      pair.mesh.write('bomb.yaml', ROUTES.replace('regexes', 'bomb').replace('/(a+)+$', regex));
      await pair.mesh.until('the finding', async () => {
        const found = (await pair.mesh.findings()).filter((finding) => JSON.stringify(finding).includes('bomb'));
        expect(found.map(({ level }) => level)).toContain('error');
      });
      const { responses } = await pair.run({ send: [get('/after')] });
      expect(responses[0]?.start).toContain(' 200 ');
    },
  );
});
