import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type Exchange } from '../../support/differential.js';
import { ask, type Case, compare, get, request } from '../../support/differential-cases.js';
import { cluster, httpListener } from '../../support/differential-config.js';
import type { Answer } from '../../support/scripted-upstream.js';

const raw = (...send: Exchange['send']): Exchange => ({ send });
const lines = (...heads: string[]): string => `${heads.join('\r\n')}\r\n\r\n`;
const bad = (...heads: string[]): Exchange => raw(lines(...heads));
const fields = (...headers: string[]): Exchange => bad('GET / HTTP/1.1', 'Host: a', ...headers);
const post = (...headers: string[]): string => lines('POST / HTTP/1.1', 'Host: a', ...headers);
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `h${index}: v`);
const chunked = (body: string): string => post('Transfer-Encoding: chunked') + body;
/** Waits until the proxy closes. */
const toTheEnd = (exchange: Exchange): Exchange => ({ ...exchange, responses: 0, logLines: 1 });
const answered = (...steps: Answer['steps']): Partial<Exchange> => ({ answers: [{ steps }] });

const badHeads: readonly Case[] = [
  ['a word', 400, raw('hello\r\n\r\n')],
  ['a TLS ClientHello', 400, raw('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')],
  ['a vertical tab before chunked', 400, raw(post('Transfer-Encoding: \x0bchunked'))],
  ['HTTP/0.9', 426, raw('GET /\r\n\r\n')],
  ['HTTP/1.2', 426, bad('GET / HTTP/1.2', 'Host: a')],
  ['HTTP/2.0 in a request line', 426, bad('GET / HTTP/2.0', 'Host: a')],
  ['a lower-case version', 400, bad('GET / http/1.1', 'Host: a')],
  ['an unknown method', 400, bad('FOO / HTTP/1.1', 'Host: a')],
  ['a method of lower case', 400, bad('get / HTTP/1.1', 'Host: a')],
  ['a request line without a target', 400, bad('GET HTTP/1.1', 'Host: a')],
  ['a space before the request line', 400, bad(' GET / HTTP/1.1', 'Host: a')],
  ['NUL in a header value', 400, fields('X: a\0b')],
  ['NUL in a header name', 400, fields('X\0: a')],
  ['NUL in the target', 400, bad('GET /\0 HTTP/1.1', 'Host: a')],
  ['a control character in a value', 400, fields('X: a\x01b')],
  ['DEL in a value', 400, fields('X: a\x7fb')],
  ['a tab within a value', 200, fields('X: a\tb')],
  ['bytes above ASCII in a value', 200, fields('X: \xe9')],
  ['space before the colon', 400, fields('X : a')],
  ['a name with a space', 400, fields('X Y: a')],
  ['an empty name', 400, fields(': a')],
  ['a line without a colon', 400, fields('nonsense')],
  ['a name in brackets', 400, fields('(x): a')],
  ['an empty value', 200, fields('X:')],
  ['blanks around a value', 200, fields('X:  \t a \t ')],
  ['two different Content-Length', 400, raw(`${post('Content-Length: 1', 'Content-Length: 2')}ab`)],
  ['two equal Content-Length', 400, raw(`${post('Content-Length: 1', 'Content-Length: 1')}a`)],
  ['a list in Content-Length', 400, raw(`${post('Content-Length: 1, 1')}a`)],
  ['Content-Length with a sign', 400, raw(`${post('Content-Length: +1')}a`)],
  ['a negative Content-Length', 400, raw(post('Content-Length: -1'))],
  ['Content-Length in hexadecimal', 400, raw(post('Content-Length: 0x1'))],
  ['Content-Length without a value', 400, raw(post('Content-Length:'))],
  ['Content-Length of 30 digits', 400, raw(post(`Content-Length: ${'9'.repeat(30)}`))],
  [
    'Content-Length and Transfer-Encoding',
    400,
    raw(`${post('Content-Length: 3', 'Transfer-Encoding: chunked')}0\r\n\r\n`),
  ],
  ['Transfer-Encoding gzip', 501, raw(post('Transfer-Encoding: gzip'))],
  ['Transfer-Encoding gzip, chunked', 501, raw(post('Transfer-Encoding: gzip, chunked'))],
  ['Transfer-Encoding identity', 501, raw(post('Transfer-Encoding: identity'))],
  ['Transfer-Encoding CHUNKED', 200, raw(`${post('Transfer-Encoding: CHUNKED')}0\r\n\r\n`)],
  ['Transfer-Encoding twice', 501, raw(`${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`)],
  ['missing Host on 1.1', 400, bad('GET / HTTP/1.1')],
  ['missing Host with a body', 400, raw(`${lines('POST / HTTP/1.1', 'Content-Length: 1')}a`)],
  ['an empty Host', 200, bad('GET / HTTP/1.1', 'Host:')],
  ['Host with a space', 400, bad('GET / HTTP/1.1', 'Host: a b')],
  ['Host with a path', 400, bad('GET / HTTP/1.1', 'Host: a/b')],
  ['Host with user information', 200, bad('GET / HTTP/1.1', 'Host: u@a')],
  ['101 headers', 431, fields(...many(100))],
  ['100 headers', 200, fields(...many(99))],
  ['a head of more than 60 KiB', 431, fields(`X: ${'a'.repeat(61 * 1024)}`)],
  ['a target of more than 60 KiB', 431, bad(`GET /${'a'.repeat(61 * 1024)} HTTP/1.1`, 'Host: a')],
  ['a head of 55 KiB', 200, fields(`X: ${'a'.repeat(55 * 1024)}`)],
  ['a fragment in the target', 400, bad('GET /a#b HTTP/1.1', 'Host: a')],
  ['bytes above ASCII in the target', 400, bad('GET /\xe9 HTTP/1.1', 'Host: a')],
  ['a target without a slash', 400, bad('GET foo HTTP/1.1', 'Host: a')],
  ['a star', 400, bad('GET * HTTP/1.1', 'Host: a')],
  ['OPTIONS of a star', 404, { ...bad('OPTIONS * HTTP/1.1', 'Host: a'), methods: ['OPTIONS'] }],
  ['absolute form', 200, bad('GET http://b/path HTTP/1.1', 'Host: a')],
  ['absolute form without a path', 200, bad('GET http://b HTTP/1.1', 'Host: a')],
  ['absolute form with a query alone', 404, bad('GET http://b?q HTTP/1.1', 'Host: a')],
  ['absolute form with https', 200, bad('GET https://b/ HTTP/1.1', 'Host: a')],
  ['absolute form without Host', 200, bad('GET http://b/ HTTP/1.1')],
  ['absolute form of a foreign scheme', 400, bad('GET ftp://b/ HTTP/1.1', 'Host: a')],
  ['absolute form without a host', 400, bad('GET http:/// HTTP/1.1', 'Host: a')],
  ['absolute form with a user', 200, bad('GET http://u@b/ HTTP/1.1', 'Host: a')],
  ['absolute form with a port', 200, bad('GET http://b:81/x HTTP/1.1', 'Host: a')],
  ['empty lines before a request', 200, raw(`\r\n\r\n${request('GET', '/')}`)],
  ['Connection naming x-forwarded-for', 400, fields('Connection: x-forwarded-for')],
  ['Connection naming a header', 200, fields('Connection: x-a', 'x-a: 1', 'x-b: 2')],
  ['Connection naming :path', 400, fields('Connection: :path')],
  ['a header with an underscore', 200, fields('x_a: 1')],
  ['a pseudo-header', 400, fields(':path: /other')],
];

const bodies: readonly Case[] = [
  ['a fixed body', 200, ask('POST', '/', {}, 'hello')],
  ['a chunked body', 200, raw(chunked('5\r\nhello\r\n0\r\n\r\n'))],
  [
    'a chunked body in small pieces',
    200,
    raw(...[...chunked('5\r\nhello\r\n0\r\n\r\n').matchAll(/.{1,20}/gs)].map(([part]) => part)),
  ],
  ['chunk extensions', 200, raw(chunked('5;a=b;c\r\nhello\r\n0;d\r\n\r\n'))],
  ['leading zeros of a chunk size', 200, raw(chunked('0005\r\nhello\r\n000\r\n\r\n'))],
  ['chunk size in capitals', 200, raw(chunked('A\r\n0123456789\r\n0\r\n\r\n'))],
  ['a chunk size that is none', 400, { ...raw(chunked('x\r\n')), broken: true }],
  ['a negative chunk size', 400, { ...raw(chunked('-1\r\n')), broken: true }],
  ['a chunk size of 20 digits', 400, { ...raw(chunked('fffffffffffffffffff\r\n')), broken: true }],
  ['request trailers', 200, raw(chunked('5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n'))],
  ['a GET with a body', 200, raw(`${request('GET', '/', { 'content-length': '2' })}ab`)],
  [
    'Expect: 100-continue',
    200,
    {
      send: [request('POST', '/', { 'content-length': '2', expect: '100-continue' }), { until: '100 Continue' }, 'ab'],
    },
  ],
  ['Expect: something else', 200, raw(`${request('POST', '/', { 'content-length': '2', expect: 'magic' })}ab`)],
  ['a response without a length', 200, get('/', {}, answered('HTTP/1.1 200 OK\r\n\r\nhello', 'end'))],
  [
    'a chunked response',
    200,
    get('/', {}, answered('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')),
  ],
  ['a response to HEAD', 200, ask('HEAD', '/', {}, '', answered('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'))],
  ['a response to HEAD without a length', 200, ask('HEAD', '/', {}, '', answered('HTTP/1.1 200 OK\r\n\r\n'))],
  ['204', 204, get('/', {}, answered('HTTP/1.1 204 No Content\r\n\r\n'))],
  ['204 with a length', 204, get('/', {}, answered('HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n'))],
  ['304 with a length', 304, get('/', {}, answered('HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n'))],
  ['304', 304, get('/', {}, answered('HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n'))],
  ['205 with a body', 205, get('/', {}, answered('HTTP/1.1 205 Reset Content\r\ncontent-length: 2\r\n\r\nab'))],
  [
    '102 before the answer',
    200,
    get('/', {}, answered('HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')),
  ],
  [
    '103 before the answer',
    200,
    get(
      '/',
      {},
      answered('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
    ),
  ],
  [
    '100 of an upstream',
    200,
    get('/', {}, answered('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')),
  ],
  ['a reason of its own', 200, get('/', {}, answered('HTTP/1.1 200 Sure\r\ncontent-length: 0\r\n\r\n'))],
  ['a status without a standard reason', 299, get('/', {}, answered('HTTP/1.1 299 Odd\r\ncontent-length: 0\r\n\r\n'))],
  ['an answer of HTTP/1.0', 200, get('/', {}, answered('HTTP/1.0 200 OK\r\n\r\nhello', 'end'))],
  [
    'response trailers',
    200,
    get('/', {}, answered('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n')),
  ],
  [
    'an answer that closes',
    200,
    get('/', {}, answered('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nab', 'end')),
  ],
  [
    'two requests in one write',
    200,
    {
      send: [request('GET', '/one') + request('GET', '/two')],
      responses: 2,
      methods: ['GET', 'GET'],
      upstreamRequests: 2,
    },
  ],
  [
    'a request behind a body',
    200,
    {
      send: [`${request('POST', '/one', { 'content-length': '2' }, 'ab')}${request('GET', '/two')}`],
      responses: 2,
      upstreamRequests: 2,
    },
  ],
  ['Connection: close of the client', 200, fields('Connection: close')],
  ['Connection: Keep-Alive of the client', 200, fields('Connection: Keep-Alive')],
  ['Proxy-Connection: close of the client', 200, fields('Proxy-Connection: close')],
  [
    'an answer before the request’s end',
    200,
    {
      ...raw(post('Content-Length: 10')),
      answers: [{ early: true, steps: ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'] }],
    },
  ],
];

const badAnswers: readonly Case[] = [
  ['an answer that is not HTTP', 502, get('/', {}, answered('nonsense\r\n\r\n'))],
  [
    'an answer with two lengths',
    502,
    get('/', {}, answered('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab')),
  ],
  [
    'an answer with both framings',
    502,
    get('/', {}, answered('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')),
  ],
  [
    'an answer with a foreign Transfer-Encoding',
    502,
    get('/', {}, answered('HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n')),
  ],
  ['an answer with NUL', 502, get('/', {}, answered('HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n'))],
  ['an answer with 101 headers', 502, get('/', {}, answered(`HTTP/1.1 200 OK\r\n${many(101).join('\r\n')}\r\n\r\n`))],
  ['no answer and the end', 503, get('/', {}, answered('end'))],
  ['half a head and the end', 502, get('/', {}, answered('HTTP/1.1 200 OK\r\nx: a', 'end'))],
  ['a reset before the answer', 503, get('/', {}, answered('reset'))],
];

/** Answers that end too early: what came of them is all that the client gets. */
const cutAnswers: readonly Case[] = [
  [
    'the end within a fixed body',
    200,
    toTheEnd(get('/', {}, answered('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', { wait: 100 }, 'end'))),
  ],
  [
    'the end within a chunked body',
    200,
    toTheEnd(
      get(
        '/',
        {},
        answered('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', { wait: 100 }, 'end'),
      ),
    ),
  ],
  [
    'a reset within a body',
    200,
    toTheEnd(get('/', {}, answered('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', { wait: 100 }, 'reset'))),
  ],
  [
    'a bad chunk of an answer',
    200,
    toTheEnd(
      get(
        '/',
        {},
        answered('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', { wait: 100 }, 'zz\r\n'),
      ),
    ),
  ],
];

const http10: readonly Case[] = [
  ['HTTP/1.0', 200, { ...bad('GET / HTTP/1.0', 'Host: a'), listener: 'old' }],
  ['HTTP/1.0 with keep-alive', 200, { ...bad('GET / HTTP/1.0', 'Host: a', 'Connection: keep-alive'), listener: 'old' }],
  ['HTTP/1.0 without a host', 200, { ...bad('GET / HTTP/1.0'), listener: 'old' }],
  [
    'HTTP/1.0 and an answer without a length',
    200,
    {
      ...bad('GET / HTTP/1.0', 'Host: a'),
      ...answered('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n'),
      listener: 'old',
    },
  ],
  ['HTTP/1.0 where it is not accepted', 426, bad('GET / HTTP/1.0', 'Host: a')],
];

const switches: readonly Case[] = [
  [
    'a WebSocket that is refused',
    403,
    get('/', { connection: 'Upgrade', upgrade: 'websocket' }, answered('HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n')),
  ],
  ['an upgrade that is not allowed', 403, get('/', { connection: 'Upgrade', upgrade: 'h3' })],
  [
    'an upgrade to h2c',
    200,
    get('/', { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA' }),
  ],
  ['Upgrade without Connection', 200, get('/', { upgrade: 'websocket' })],
  ['CONNECT where there is no route', 404, { ...bad('CONNECT a:80 HTTP/1.1', 'Host: a:80'), methods: ['CONNECT'] }],
  ['CONNECT without a port', 400, { ...bad('CONNECT a HTTP/1.1', 'Host: a'), methods: ['CONNECT'] }],
];

/** Clients that leave in the middle of a message. */
const departures: readonly (readonly [string, Exchange])[] = [
  ['half a request line', { send: ['GET /', { wait: 50 }, 'end'], responses: 0, logLines: 1 }],
  ['half a head', { send: ['GET / HTTP/1.1\r\nHost: a\r\n', { wait: 50 }, 'end'], responses: 0, logLines: 1 }],
  ['half a body', { send: [`${post('Content-Length: 5')}ab`, { wait: 50 }, 'end'], responses: 0, logLines: 1 }],
];

const timeouts: readonly Case[] = [
  ['a slow head', 408, { send: ['GET / HTTP/1.1\r\n'], listener: 'slow' }],
  ['a slow body', 408, { send: [post('Content-Length: 5')], listener: 'slow' }],
  [
    'a slow answer',
    504,
    { ...get('/'), listener: 'slow-stream', answers: [{ steps: [{ wait: 1500 }, 'HTTP/1.1 200 OK\r\n\r\n'] }] },
  ],
  ['a slow body of a stream', 408, { send: [post('Content-Length: 5')], listener: 'slow-stream' }],
];

/** Envoy ends both directions of a tunnel with the first, here the other goes on: only what is exchanged is compared. */
const webSocket: Exchange = {
  send: [request('GET', '/', { connection: 'Upgrade', upgrade: 'websocket' }), { until: 'hello' }],
  ...answered(
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    'hello',
    { wait: 50 },
    'end',
  ),
  tail: 'hello',
};

/** Envoy lets these pass; here they are refused on purpose. */
const stricter: readonly (readonly [string, Exchange])[] = [
  ['a bare LF after the request line', raw('GET / HTTP/1.1\nHost: a\r\n\r\n')],
  ['bare LFs everywhere', raw('GET / HTTP/1.1\nHost: a\n\n')],
  ['a bare CR in a value', fields('X: a\rb')],
  ['obs-fold', fields('X: a', ' b')],
  ['two Hosts', fields('Host: b')],
  ['two spaces in the request line', bad('GET  / HTTP/1.1', 'Host: a')],
  ['a chunk that is longer than it says', raw(chunked('5\r\nhelloXX\r\n0\r\n\r\n'))],
  [
    'Transfer-Encoding on HTTP/1.0',
    { ...bad('POST / HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked'), listener: 'old' },
  ],
];

const routes = {
  name: 'table',
  virtual_hosts: [
    { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'a', timeout: '5s' } }] },
  ],
};

describe.skipIf(!Differential.available)(`HTTP/1.1 as Envoy speaks it ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['main', 'old', 'slow', 'slow-stream'],
      upstreams: ['a'],
      resources: (port) => ({
        listeners: [
          httpListener('main', port('main'), {
            route_config: routes,
            http_protocol_options: { enable_trailers: true },
            upgrade_configs: [{ upgrade_type: 'websocket' }],
          }),
          httpListener('old', port('old'), {
            route_config: routes,
            http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'default' },
          }),
          httpListener('slow', port('slow'), {
            route_config: routes,
            request_timeout: '0.4s',
            request_headers_timeout: '0.4s',
          }),
          httpListener('slow-stream', port('slow-stream'), { route_config: routes, stream_idle_timeout: '0.4s' }),
        ],
        clusters: [cluster('a', [[port('a')]], { http_protocol_options: { enable_trailers: true } })],
      }),
    });
  });
  afterAll(() => both?.stop());

  describe('heads', () => compare(() => both, badHeads));
  describe('bodies', () => compare(() => both, bodies));
  describe('answers', () => compare(() => both, badAnswers));
  describe('answers that are cut', () => compare(() => both, cutAnswers));
  describe('HTTP/1.0', () => compare(() => both, http10));
  describe('switches of protocol', () => compare(() => both, switches));
  describe('timeouts', () => compare(() => both, timeouts));

  it('relays a WebSocket as Envoy does', async () => {
    const { envoy, weft } = await both.run(webSocket);
    expect(envoy.responses[0]?.start).toBe('HTTP/1.1 101 Switching Protocols');
    expect([weft.responses, weft.rest, weft.upstream]).toEqual([envoy.responses, envoy.rest, envoy.upstream]);
  });

  it.each(departures)('a client that leaves after %s', async (_name, exchange) => {
    const { envoy, weft } = await both.run(exchange);
    expect(weft.log).toEqual(envoy.log);
    expect(weft.responses).toEqual(envoy.responses);
  });

  it.each(stricter)('stricter than Envoy: %s', async (_name, exchange) => {
    const { weft } = await both.run(exchange);
    expect(weft.responses.map(({ start }) => start)).toEqual(['HTTP/1.1 400 Bad Request']);
    expect(weft.connection).toBe('closed');
    expect(weft.upstream).toEqual([]);
    expect(weft.log[0]).toMatchObject({ code: '400', flags: 'DPE' });
  });
});
