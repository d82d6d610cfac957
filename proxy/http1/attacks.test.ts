import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLAG } from '../http/flags.js';
import type { RequestHandler, Router } from '../http/stream.js';
import { startRelay, type TestRelay } from '../http/testing.js';

/** What a client that sends `input` reads until the proxy closes. */
function exchange(port: number, input: string | readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(text));
    if (typeof input === 'string') socket.write(input, 'latin1');
    else sendSlowly(socket, input);
  });
}

function sendSlowly(socket: net.Socket, parts: readonly string[]): void {
  socket.setNoDelay(true);
  let at = 0;
  const next = (): void => {
    const part = parts[at++];
    if (part === undefined || !socket.writable) return;
    socket.write(part, 'latin1', () => setImmediate(next));
  };
  next();
}

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const post = (...lines: string[]): string => head('POST / HTTP/1.1', 'Host: a', ...lines);
const get = (...lines: string[]): string => head('GET / HTTP/1.1', 'Host: a', ...lines);
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `h${index}: v`);

const nothing = (): void => undefined;
const ignoring: RequestHandler = {
  onRequestData: nothing,
  onRequestTrailers: nothing,
  onDownstreamReset: nothing,
  onDownstreamDrain: nothing,
};

interface Attack {
  readonly what: string;
  readonly input: string;
  readonly status: number;
  readonly details: string;
  /** DPE when absent. */
  readonly flags?: number;
}

const ATTACKS: readonly Attack[] = [
  { what: 'a TLS ClientHello', input: '\x16\x03\x01\x02\x00\x01', status: 400, details: 'http1.codec_error' },
  { what: 'a word', input: 'hello\r\n\r\n', status: 400, details: 'http1.codec_error' },
  { what: 'HTTP/0.9', input: 'GET /\r\n\r\n', status: 426, details: 'low_version' },
  { what: 'HTTP/1.2', input: head('GET / HTTP/1.2', 'Host: a'), status: 426, details: 'low_version' },
  { what: 'an HTTP/2 preface', input: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: 400, details: 'http1.codec_error' },
  {
    what: 'a method of lower case',
    input: head('get / HTTP/1.1', 'Host: a'),
    status: 400,
    details: 'http1.codec_error',
  },
  { what: 'an unknown method', input: head('FOO / HTTP/1.1', 'Host: a'), status: 400, details: 'http1.codec_error' },
  { what: 'two spaces', input: head('GET  / HTTP/1.1', 'Host: a'), status: 400, details: 'http1.codec_error' },
  {
    what: 'a byte above ASCII in the path',
    input: head('GET /\xe9 HTTP/1.1', 'Host: a'),
    status: 400,
    details: 'http1.codec_error',
  },
  { what: 'a relative path', input: head('GET foo HTTP/1.1', 'Host: a'), status: 400, details: 'http1.codec_error' },
  {
    what: 'a star without OPTIONS',
    input: head('GET * HTTP/1.1', 'Host: a'),
    status: 400,
    details: 'http1.invalid_url',
  },
  {
    what: 'a foreign scheme',
    input: head('GET ftp://a/ HTTP/1.1', 'Host: a'),
    status: 400,
    details: 'http1.invalid_scheme',
  },
  {
    what: 'CONNECT without a port',
    input: head('CONNECT a HTTP/1.1', 'Host: a'),
    status: 400,
    details: 'http1.invalid_url',
  },
  { what: 'NUL in a value', input: get('x: a\0b'), status: 400, details: 'http1.invalid_characters' },
  { what: 'a control character in a value', input: get('x: a\x01b'), status: 400, details: 'http1.invalid_characters' },
  { what: 'DEL in a value', input: get('x: a\x7fb'), status: 400, details: 'http1.invalid_characters' },
  { what: 'a space before the colon', input: get('x : b'), status: 400, details: 'http1.codec_error' },
  { what: 'a field without a colon', input: get('foo'), status: 400, details: 'http1.codec_error' },
  { what: 'an empty field name', input: get(': b'), status: 400, details: 'http1.codec_error' },
  { what: 'a bracket in a field name', input: get('f(o: b'), status: 400, details: 'http1.codec_error' },
  { what: 'bare LF everywhere', input: 'GET / HTTP/1.1\nHost: a\n\n', status: 400, details: 'http1.codec_error' },
  {
    what: 'a bare LF within a head',
    input: 'GET / HTTP/1.1\r\nHost: a\nx: b\r\n\r\n',
    status: 400,
    details: 'http1.codec_error',
  },
  { what: 'a bare CR', input: get('x: a\rb'), status: 400, details: 'http1.codec_error' },
  { what: 'obs-fold', input: get('x: a', ' b'), status: 400, details: 'http1.codec_error' },
  { what: 'two Hosts', input: get('Host: b'), status: 400, details: 'http1.codec_error' },
  { what: 'two equal Hosts', input: get('Host: a'), status: 400, details: 'http1.codec_error' },
  {
    what: 'a space in Host',
    input: head('GET / HTTP/1.1', 'Host: a b'),
    status: 400,
    details: 'http.invalid_authority',
  },
  {
    what: 'a path in Host',
    input: head('GET / HTTP/1.1', 'Host: a/b'),
    status: 400,
    details: 'http.invalid_authority',
  },
  { what: 'no Host', input: head('GET / HTTP/1.1'), status: 400, details: 'missing_host_header', flags: 0 },
  {
    what: 'a fragment',
    input: head('GET /a#b HTTP/1.1', 'Host: a'),
    status: 400,
    details: 'path_normalization_failed',
    flags: 0,
  },
  {
    what: 'two different Content-Length',
    input: `${post('Content-Length: 1', 'Content-Length: 2')}ab`,
    status: 400,
    details: 'http1.codec_error',
  },
  {
    what: 'two equal Content-Length',
    input: `${post('Content-Length: 1', 'Content-Length: 1')}a`,
    status: 400,
    details: 'http1.codec_error',
  },
  {
    what: 'a list of Content-Length',
    input: `${post('Content-Length: 1, 1')}a`,
    status: 400,
    details: 'http1.codec_error',
  },
  {
    what: 'a signed Content-Length',
    input: `${post('Content-Length: +1')}a`,
    status: 400,
    details: 'http1.codec_error',
  },
  { what: 'an empty Content-Length', input: post('Content-Length:'), status: 400, details: 'http1.codec_error' },
  {
    what: 'a huge Content-Length',
    input: post(`Content-Length: ${'9'.repeat(20)}`),
    status: 400,
    details: 'http1.codec_error',
  },
  {
    what: 'Content-Length with Transfer-Encoding',
    input: `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    status: 400,
    details: 'http1.content_length_and_chunked_not_allowed',
  },
  {
    what: 'Transfer-Encoding with Content-Length',
    input: `${post('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
    status: 400,
    details: 'http1.content_length_and_chunked_not_allowed',
  },
  {
    what: 'Transfer-Encoding: gzip',
    input: post('Transfer-Encoding: gzip'),
    status: 501,
    details: 'http1.invalid_transfer_encoding',
  },
  {
    what: 'gzip before chunked',
    input: `${post('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
    status: 501,
    details: 'http1.invalid_transfer_encoding',
  },
  {
    what: 'xchunked',
    input: `${post('Transfer-Encoding: xchunked')}0\r\n\r\n`,
    status: 501,
    details: 'http1.invalid_transfer_encoding',
  },
  {
    what: 'quoted chunked',
    input: `${post('Transfer-Encoding: "chunked"')}0\r\n\r\n`,
    status: 501,
    details: 'http1.invalid_transfer_encoding',
  },
  {
    what: 'a vertical tab before chunked',
    input: `${post('Transfer-Encoding: \x0bchunked')}0\r\n\r\n`,
    status: 400,
    details: 'http1.invalid_characters',
  },
  {
    what: 'chunked twice',
    input: `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    status: 501,
    details: 'http1.invalid_transfer_encoding',
  },
  {
    what: 'chunked on HTTP/1.0',
    input: `${head('POST / HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    status: 400,
    details: 'http1.codec_error',
  },
  {
    what: 'CONNECT with a body',
    input: `${head('CONNECT a:1 HTTP/1.1', 'Host: a:1', 'Content-Length: 1')}a`,
    status: 400,
    details: 'http1.body_disallowed',
  },
  {
    what: 'a Connection that names X-Forwarded-For',
    input: get('Connection: x-forwarded-for'),
    status: 400,
    details: 'http1.connection_header_rejected',
  },
  {
    what: 'a Connection that names Host',
    input: get('Connection: host'),
    status: 400,
    details: 'http1.connection_header_rejected',
  },
  {
    what: 'a head over 60 KiB',
    input: get(`x: ${'x'.repeat(60 * 1024)}`),
    status: 431,
    details: 'http1.headers_too_large',
  },
  { what: 'over 100 headers', input: get(...many(100)), status: 431, details: 'http1.too_many_headers' },
];

const BODY_ATTACKS: readonly { readonly what: string; readonly body: string }[] = [
  { what: 'a chunk size that is no number', body: 'zz\r\nhello\r\n0\r\n\r\n' },
  { what: 'an empty chunk size', body: '\r\nhello\r\n0\r\n\r\n' },
  { what: 'a chunk size with 0x', body: '0x5\r\nhello\r\n0\r\n\r\n' },
  { what: 'a negative chunk size', body: '-5\r\nhello\r\n0\r\n\r\n' },
  { what: 'a chunk size that overflows', body: 'ffffffffffffffff5\r\nhello\r\n0\r\n\r\n' },
  { what: 'a space in a chunk size', body: '5 \r\nhello\r\n0\r\n\r\n' },
  { what: 'a bare LF after a chunk size', body: '5\nhello\r\n0\r\n\r\n' },
  { what: 'a bare LF in an extension', body: '5;a\nhello\r\n0\r\n\r\n' },
  { what: 'a control character in an extension', body: '5;a\x01\r\nhello\r\n0\r\n\r\n' },
  { what: 'an endless extension', body: `5;${'a'.repeat(5000)}\r\nhello\r\n0\r\n\r\n` },
  { what: 'a chunk that is longer than it says', body: '5\r\nhelloXX0\r\n\r\n' },
  { what: 'a bare LF after a chunk', body: '5\r\nhello\n0\r\n\r\n' },
  { what: 'a bare LF in trailers', body: '0\r\nx: a\ny: b\r\n\r\n' },
  { what: 'a folded trailer', body: '0\r\nx: a\r\n b\r\n\r\n' },
];

describe('attacks on the HTTP/1 server side', () => {
  let relay: TestRelay;
  let upstream: net.Server;
  let reached = 0;

  beforeAll(async () => {
    upstream = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        if (data.toString('latin1').includes('smuggled')) reached++;
      });
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    relay = await startRelay({ upstreamPort: (upstream.address() as net.AddressInfo).port });
  });

  afterAll(async () => {
    await relay.close();
    upstream.close();
  });

  for (const { what, input, status, details, flags } of ATTACKS) {
    it(`${what} gets ${status} and is cut off`, async () => {
      relay.infos.length = 0;
      const answer = await exchange(relay.port, `${input}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.[01] ${status} `));
      expect(answer.toLowerCase()).toContain('connection: close\r\n');
      expect(answer.match(/HTTP\/1/g)).toHaveLength(1);
      expect(relay.infos.map((info) => [info.responseCode, info.responseCodeDetails, info.flags])).toEqual([
        [status, details, flags ?? FLAG.DPE],
      ]);
      expect(reached).toBe(0);
    });
  }

  for (const { what, input, status, details } of ATTACKS.filter((attack) => attack.input.length < 500)) {
    it(`${what}, byte by byte, gets ${status} too`, async () => {
      relay.infos.length = 0;
      const answer = await exchange(relay.port, [...input]);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.[01] ${status} `));
      expect(relay.infos.map((info) => info.responseCodeDetails)).toEqual([details]);
    });
  }

  for (const { what, body } of BODY_ATTACKS) {
    it(`${what} gets 400 and is cut off`, async () => {
      const answer = await exchange(relay.port, `${post('Transfer-Encoding: chunked')}${body}`);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer.toLowerCase()).toContain('connection: close\r\n');
    });
  }

  it('empty lines before a request are passed over, also where a packet ends within one', async () => {
    let answer = '';
    const router: Router = {
      route(stream) {
        stream.localReply({ status: 200, body: stream.request.path, details: '', flags: 0 });
        return ignoring;
      },
    };
    const answering = await startRelay({ router });
    try {
      answer = await exchange(answering.port, [
        '\r',
        '\n\r',
        '\nGET /late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      ]);
    } finally {
      await answering.close();
    }
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exchange(relay.port, ['\r', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('a head that never ends is cut off at its limit, not gathered', async () => {
    const parts = Array.from({ length: 100 }, () => `x: ${'y'.repeat(1000)}\r\n`);
    const answer = await exchange(relay.port, ['GET / HTTP/1.1\r\nHost: a\r\n', ...parts]);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });
});
