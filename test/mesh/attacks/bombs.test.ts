import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

const pair = new SidecarPair();
beforeAll(async () => {
  await pair.start(ROUTES);
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
