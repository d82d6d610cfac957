import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Send } from '../../support/raw-client.js';
import { type Answer, answer } from '../../support/scripted-upstream.js';
import { type Entry, fieldOf, get, head, SidecarPair } from './pair.js';

const DENY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin}
spec:
  selector: {matchLabels: {app: shop}}
  action: DENY
  rules: [{to: [{operation: {paths: [/admin, /admin/*]}}]}]
`;

const pair = new SidecarPair();
beforeAll(async () => {
  await pair.start(DENY);
  await pair.mesh.until('the policy', async () => {
    const { responses } = await pair.run({ send: [get('/admin')] });
    expect(responses[0]?.start).toContain(' 403 ');
  });
});
afterAll(() => pair.dispose());

const ENTRIES: readonly Entry[] = ['client', 'server'];
const post = (...lines: string[]): string => head('POST /in HTTP/1.1', 'Host: shop', ...lines);
const HIDDEN = get('/hidden');

/** Start lines that reached the application before a request that must still get through. */
async function reached(to: Entry, send: readonly Send[], answers?: readonly Answer[]): Promise<string[]> {
  const { received } = await pair.run({
    to,
    send: [...send, { wait: 50 }, 'end'],
    responses: 0,
    timeoutMs: 3000,
    ...(answers && { answers }),
  });
  const lines = received.map(({ start }) => start);
  const after = await pair.run({ to, send: [get('/after')] });
  expect(after.responses[0]?.start).toBe('HTTP/1.1 200 OK');
  return lines;
}

describe.each(ENTRIES)('at the %s’s sidecar', (to) => {
  it.each([
    '/admin',
    '/admin?x=1',
    '/admin/',
    '/admin/x',
    '/./admin',
    '/x/../admin',
    '/x/%2e%2e/admin',
    '/x/.%2E/admin',
    '/%61dmin',
    '/%61%64%6d%69%6e/x',
    '/x\\..\\admin',
    '/..\\admin',
    '/../../admin',
    '/x/./../admin/.',
    'http://shop/admin',
    'http://shop/x/../admin',
    'http://user@shop/admin',
    'HTTP://shop/%61dmin',
    '/admin#fragment',
    '/x/../admin%00',
    '//shop\\..\\..\\admin',
  ])('a denied path is denied as %s', async (path) => {
    expect(await reached(to, [get(path)])).toEqual([]);
  });

  it.each<[what: string, bytes: string]>([
    ['Content-Length with chunked', `${post('Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`],
    ['chunked with Content-Length', `${post('Transfer-Encoding: chunked', 'Content-Length: 4')}0\r\n\r\n${HIDDEN}`],
    ['two Content-Lengths', `${post('Content-Length: 0', `Content-Length: ${HIDDEN.length}`)}${HIDDEN}`],
    ['a list of Content-Lengths', `${post(`Content-Length: 0, ${HIDDEN.length}`)}${HIDDEN}`],
    ['a signed Content-Length', `${post('Content-Length: +0')}${HIDDEN}`],
    ['a hexadecimal Content-Length', `${post('Content-Length: 0x0')}${HIDDEN}`],
    ['an empty Content-Length', `${post('Content-Length:')}${HIDDEN}`],
    ['a negative Content-Length', `${post('Content-Length: -1')}${HIDDEN}`],
    ['chunked and something else', `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n${HIDDEN}`],
    ['chunked twice', `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`],
    ['chunked behind a vertical tab', `${post('Transfer-Encoding: \vchunked')}0\r\n\r\n${HIDDEN}`],
    ['a space before the colon', `${post('Transfer-Encoding : chunked')}0\r\n\r\n${HIDDEN}`],
    ['a folded Transfer-Encoding', `${post('Transfer-Encoding:', ' chunked')}0\r\n\r\n${HIDDEN}`],
    ['a bare CR before a field', `${post('X: a\rTransfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`],
    ['a bare LF before a field', `${post('X: a\nTransfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`],
    ['chunked in HTTP/1.0', `POST /in HTTP/1.0\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['two Hosts', head('GET /in HTTP/1.1', 'Host: shop', 'Host: other') + HIDDEN],
    ['CONNECT with a body', head('CONNECT shop:80 HTTP/1.1', 'Host: shop', 'Content-Length: 5') + HIDDEN],
  ])('no second request is hidden behind %s', async (_, bytes) => {
    expect(await reached(to, [bytes])).toEqual([]);
  });

  it.each<[what: string, body: string]>([
    ['a chunk size with a sign', `+0\r\n\r\n${HIDDEN}`],
    ['a chunk size with 0x', `0x0\r\n\r\n${HIDDEN}`],
    ['a chunk size that overflows', `10000000000000000\r\n${HIDDEN}`],
    ['a space behind a chunk size', `0 \r\n\r\n${HIDDEN}`],
    ['a bare LF behind a chunk size', `0\n\n${HIDDEN}`],
    ['a bare LF in an extension', `0;a\nb\r\n\r\n${HIDDEN}`],
    ['a chunk that is longer than its size', `1\r\nab\r\n0\r\n\r\n${HIDDEN}`],
  ])('no second request is hidden behind %s', async (_, body) => {
    expect(await reached(to, [post('Transfer-Encoding: chunked') + body])).not.toContain('GET /hidden HTTP/1.1');
  });

  it('bytes behind an upgrade that the application did not take go nowhere', async () => {
    const upgrade = head('GET /ws HTTP/1.1', 'Host: shop', 'Connection: Upgrade', 'Upgrade: websocket');
    expect(await reached(to, [upgrade + HIDDEN])).toEqual(['GET /ws HTTP/1.1']);
  });

  it('an upgrade to HTTP/2 is not passed on, with which a client would go round the policy', async () => {
    const { received } = await pair.run({
      to,
      send: [get('/h2c', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk')],
    });
    for (const name of ['upgrade', 'http2-settings']) expect(fieldOf(received[0], name)).toBeUndefined();
  });

  it('an HTTP/2 preface does not go round the policy', async () => {
    expect(await reached(to, ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', Buffer.from('000000040000000000', 'hex')])).toEqual(
      [],
    );
  });

  it('what only proxies say of a sender is not believed from behind a body either', async () => {
    const forged = 'X-Forwarded-Client-Cert: URI=spiffe://cluster.local/ns/default/sa/admin';
    const { received } = await pair.run({
      to,
      send: [`${post(forged, 'Transfer-Encoding: chunked')}1\r\na\r\n0\r\n${forged}\r\n\r\n`],
    });
    expect(JSON.stringify(received)).not.toContain('sa/admin');
  });

  it('names of the prototype are names like others', async () => {
    const { responses, received } = await pair.run({
      to,
      send: [get('/constructor', '__proto__: a', 'constructor: b', 'toString: c')],
    });
    expect(responses[0]?.start).toBe('HTTP/1.1 200 OK');
    expect(fieldOf(received[0], '__proto__')).toBe('a');
  });

  it.each<[what: string, reply: string]>([
    ['behind a whole answer', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'],
    ['behind 204', 'HTTP/1.1 204 No Content\r\ncontent-length: 9\r\n\r\n'],
    ['behind 304', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n'],
    ['behind the last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ])('an answer that the application hides %s is nobody’s', async (_, reply) => {
    const evil = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil';
    const { responses, rest } = await pair.run({
      to,
      send: [get('/1'), { answers: 1 }, { wait: 30 }, get('/2')],
      responses: 2,
      answers: [{ steps: [reply + evil] }, answer(200, 'mine')],
    });
    expect(responses.map(({ body }) => body)).not.toContain('evil');
    expect(responses.at(-1)?.body).toBe('mine');
    expect(rest).toBe('');
  });

  it.each([
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 40\r\n\r\nok',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: a\rset-cookie: evil=1\r\ncontent-length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nx: a\nset-cookie: evil=1\r\ncontent-length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\nok',
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
  ])('a doubtful answer becomes 502 or 503: %j', async (reply) => {
    const { responses } = await pair.run({ to, send: [get('/')], answers: [{ steps: [reply] }] });
    expect(responses[0]?.start).toMatch(/ 50[23] /);
    expect(JSON.stringify(responses[0]?.headers)).not.toContain('evil');
  });
});
