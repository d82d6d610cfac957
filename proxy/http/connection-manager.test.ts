import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { HttpFilter } from '../filters/filter.js';
import { routesOf } from '../router/testing.js';
import type { ConnectionManagerConfig } from './connection-manager-config.js';
import { FLAG } from './flags.js';
import { HeaderList } from './headers.js';
import type { DownstreamStream, RequestHandler, Router } from './stream.js';
import { portOf, startRelay, type TestRelay, testConfig } from './testing.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  return portOf(server);
}

const upstream = (handler: http.RequestListener): Promise<number> => {
  const server = http.createServer(handler);
  cleanups.push(() => server.closeAllConnections());
  return listen(server);
};

const rawUpstream = (handler: (socket: net.Socket) => void): Promise<number> =>
  listen(
    net.createServer({ allowHalfOpen: true }, (socket) => {
      cleanups.push(() => socket.destroy());
      socket.on('error', () => undefined);
      handler(socket);
    }),
  );

async function relayTo(upstreamPort: number, overrides: Partial<ConnectionManagerConfig> = {}): Promise<TestRelay> {
  const relay = await startRelay({ upstreamPort }, overrides);
  cleanups.push(() => relay.close());
  return relay;
}

/** A client on a raw socket that can wait for text. */
class RawClient {
  text = '';
  ended = false;
  readonly socket: net.Socket;

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('error', () => undefined);
    cleanups.push(() => this.socket.destroy());
  }

  write(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  async until(test: (client: RawClient) => boolean): Promise<string> {
    while (!test(this)) {
      if (this.socket.destroyed) throw new Error(`closed after: ${this.text}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'end'), once(this.socket, 'close')]);
    }
    return this.text;
  }

  untilEnd(): Promise<string> {
    return this.until((client) => client.ended);
  }
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const until = async (test: () => boolean): Promise<void> => {
  while (!test()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('messages', () => {
  it('knows when the request was complete, with a body and without', async () => {
    const relay = await relayTo(
      await upstream((request, response) => request.resume().on('end', () => response.end('x'))),
    );
    const client = new RawClient(relay.port).write(GET);
    await client.until((c) => c.text.endsWith('x'));
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na');
    setTimeout(() => client.write('b'), 30);
    await until(() => relay.infos.length === 2);
    const [head, body] = relay.infos.map((info) => info.requestEnd - info.start);
    expect(head).toBeGreaterThanOrEqual(0);
    expect(head).toBeLessThan(body ?? 0);
  });

  it('answers pipelined requests in order, each relayed after the one before', async () => {
    const relay = await relayTo(await upstream((request, response) => response.end(request.url)));
    const client = new RawClient(relay.port);
    client.write(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    const text = await client.until((c) => c.text.endsWith('/3'));
    expect([...text.matchAll(/\r\n\r\n(\/\d)/g)].map((match) => match[1])).toEqual(['/1', '/2', '/3']);
  });

  it('parses a head and a chunked body that come byte by byte', async () => {
    const relay = await relayTo(
      await upstream((request, response) => {
        request.pipe(response);
      }),
    );
    const client = new RawClient(relay.port);
    const input =
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHELLO\r\n6;x=y\r\n WORLD\r\n0\r\n\r\n';
    for (const byte of input) {
      client.write(byte);
      await new Promise(setImmediate);
    }
    const text = await client.until((c) => c.text.endsWith('0\r\n\r\n'));
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    expect(body.replace(/[0-9a-f]+\r\n|\r\n/g, '')).toBe('HELLO WORLD');
  });

  it('passes trailers on in both directions', async () => {
    const relay = await relayTo(
      await upstream((request, response) => {
        request.resume().on('end', () => {
          response.writeHead(200, { trailer: 'x-t' });
          response.write('body');
          response.addTrailers({ 'x-t': `got ${request.trailers['x-in']}` });
          response.end();
        });
      }),
    );
    const client = new RawClient(relay.port);
    client.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-In: one\r\n\r\n');
    expect(await client.until((c) => /x-t: .*\r\n\r\n$/.test(c.text))).toContain('x-t: got one');
  });

  it.each([
    ['HEAD', '/', 200, /content-length: 5\r\n/i],
    ['GET', '/204', 204, /^(?!.*content-length)/is],
    ['GET', '/304', 304, /HTTP\/1\.1 304/],
  ])('%s %s (%i) has no body and the connection goes on', async (method, path, status, expected) => {
    const port = await rawUpstream((socket) => {
      socket.on('data', (data) => {
        const answer = /\/(\d{3}) /.exec(data.toString())?.[1] ?? '200';
        const body = data.toString().startsWith('GET / ') ? 'hello' : '';
        socket.write(`HTTP/1.1 ${answer} X\r\n${answer === '204' ? '' : 'Content-Length: 5\r\n'}\r\n${body}`);
      });
    });
    const relay = await relayTo(port);
    const client = new RawClient(relay.port);
    client.write(`${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const first = await client.until((c) => c.text.endsWith('\r\n\r\n'));
    expect(first).toContain(`HTTP/1.1 ${status} `);
    expect(first).toMatch(expected);
    client.text = '';
    client.write(GET);
    expect(await client.until((c) => c.text.endsWith('hello'))).toContain('HTTP/1.1 200');
  });

  it('frames a body without length by chunks, and for HTTP/1.0 by the end of the connection', async () => {
    const port = await rawUpstream((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'));
    });
    const relay = await relayTo(port);
    const chunked = await new RawClient(relay.port).write(GET).until((c) => c.text.endsWith('0\r\n\r\n'));
    expect(chunked).toContain('transfer-encoding: chunked');
    const old = await new RawClient(relay.port).write('GET / HTTP/1.0\r\nHost: a\r\n\r\n').untilEnd();
    expect(old).toMatch(/^HTTP\/1\.0 200 OK\r\n[\s\S]*connection: close\r\n\r\nuntil the end$/);
  });

  it('keeps an HTTP/1.0 connection that asks for it', async () => {
    const relay = await relayTo(await upstream((_, response) => response.end('hello')));
    const client = new RawClient(relay.port);
    client.write('GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n');
    expect(await client.until((c) => c.text.endsWith('hello'))).toContain('connection: keep-alive');
  });

  it('answers Expect: 100-continue at once', async () => {
    const relay = await relayTo(await upstream((request, response) => void request.pipe(response)));
    const client = new RawClient(relay.port);
    client.write('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
    await client.until((c) => c.text === 'HTTP/1.1 100 Continue\r\n\r\n');
    client.write('ab');
    expect(await client.until((c) => c.text.endsWith('\r\n\r\nab') || c.text.endsWith('0\r\n\r\n'))).toContain(
      '200 OK',
    );
  });

  it.each([
    [true, 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Unknown\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\n'],
    [false, 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n'],
  ])('passes 1xx on only with proxy_100_continue %s', async (proxy100Continue, expected) => {
    let expectation = false;
    const port = await rawUpstream((socket) => {
      socket.once('data', (head) => {
        expectation = /expect: 100-continue/i.test(head.toString());
        const early = expectation ? 'HTTP/1.1 100 Continue\r\n\r\n' : '';
        socket.write(`${early}HTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`);
      });
    });
    const relay = await relayTo(port, { proxy100Continue });
    const client = new RawClient(relay.port);
    client.write('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
    await client.until((c) => /200 OK\r\n[\s\S]*\r\n\r\n/.test(c.text));
    expect(client.text.slice(0, expected.length)).toBe(expected);
    expect(expectation).toBe(proxy100Continue);
  });

  it('takes the host of an absolute target and strips the fields of the hop', async () => {
    let seen: string[] = [];
    const relay = await relayTo(
      await upstream((request, response) => {
        seen = [request.url ?? '', ...request.rawHeaders];
        response.end('x');
      }),
    );
    new RawClient(relay.port).write(
      'GET http://b.c/p?q HTTP/1.1\r\nHost: a\r\nConnection: close, x-foo\r\nx-foo: 1\r\nKeep-Alive: 5\r\n' +
        'Proxy-Connection: x\r\nTE: trailers, gzip\r\nUpgrade: foo\r\n\r\n',
    );
    await until(() => seen.length > 0);
    expect(seen.slice(0, 7)).toEqual(['/p?q', 'host', 'b.c', 'te', 'trailers', 'x-forwarded-proto', 'http']);
    expect(seen).toHaveLength(9);
  });
});

describe('bodies', () => {
  it('does not gather the body for a slow reader', async () => {
    const total = 64 * 1024 * 1024;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    const port = await rawUpstream((socket) => {
      const more = (): void => {
        while (written < total) {
          written += chunk.length;
          if (!socket.write(chunk)) return;
        }
      };
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
        socket.on('drain', more);
        more();
      });
    });
    const relay = await relayTo(port);
    const socket = net.connect(relay.port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    socket.write(GET);
    await once(socket, 'readable');
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(written).toBeLessThan(total / 2);
    let read = 0;
    socket.on('data', (data) => {
      read += data.length;
    });
    await until(() => read > total);
  });

  it('does not gather the body for a slow application', async () => {
    let socketAtUpstream: net.Socket | undefined;
    const port = await rawUpstream((socket) => {
      socket.pause();
      socketAtUpstream = socket;
    });
    const relay = await relayTo(port);
    const client = net.connect(relay.port, '127.0.0.1');
    cleanups.push(() => client.destroy());
    const total = 64 * 1024 * 1024;
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
    const chunk = Buffer.alloc(64 * 1024);
    let sent = 0;
    const more = (): void => {
      while (sent < total) {
        sent += chunk.length;
        if (!client.write(chunk)) return;
      }
    };
    client.on('drain', more);
    more();
    let before = -1;
    while (before !== sent || socketAtUpstream === undefined) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(sent).toBeLessThan(total / 2);
    let received = 0;
    socketAtUpstream.on('data', (data) => {
      received += data.length;
    });
    socketAtUpstream.resume();
    await until(() => received > total);
  });

  it('relays an early answer and closes, because the rest of the request is unknown', async () => {
    const port = await rawUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\nno'));
    });
    const relay = await relayTo(port);
    const client = new RawClient(relay.port);
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc');
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close\r\n\r\nno$/);
    expect(relay.infos[0]?.responseCode).toBe(413);
  });

  it('breaks off a response that upstream broke off', async () => {
    const port = await rawUpstream((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'));
    });
    const relay = await relayTo(port);
    const client = new RawClient(relay.port).write(GET);
    expect(await client.untilEnd()).toMatch(/abc$/);
  });

  it.each([
    ['a lone LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n'],
    ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['an unasked switch', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
  ])('answers 503 protocol-error for a response with %s', async (_, response) => {
    const relay = await relayTo(await rawUpstream((socket) => socket.once('data', () => socket.write(response))));
    expect(await new RawClient(relay.port).write(GET).until((c) => c.text.endsWith('error'))).toContain(
      'protocol-error',
    );
  });
});

describe('other protocols', () => {
  const echoAfterSwitch = (socket: net.Socket): void => {
    socket.once('data', (head) => {
      expect(head.toString().toLowerCase()).toContain('upgrade: websocket');
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi');
      socket.on('data', (data) => socket.write(data));
      socket.on('end', () => socket.end('bye'));
    });
  };

  it('relays raw bytes both ways after an upgrade, also those that came early, and half-closes', async () => {
    const relay = await relayTo(await rawUpstream(echoAfterSwitch));
    const client = new RawClient(relay.port);
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly');
    await client.until((c) => c.text.endsWith('hiearly'));
    expect(client.text.toLowerCase()).toContain('connection: upgrade\r\n');
    client.write('\0\r\n\r\nraw').socket.end();
    expect(await client.untilEnd()).toMatch(/hiearly\0\r\n\r\nrawbye$/);
    await until(() => relay.infos.length === 1);
    expect(relay.infos[0]?.responseCode).toBe(101);
  });

  it('relays an ordinary answer to an upgrade', async () => {
    const relay = await relayTo(await upstream((_, response) => response.writeHead(400).end('no')));
    const client = new RawClient(relay.port);
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 400 [\s\S]*no/);
  });

  it('refuses an upgrade that is not allowed', async () => {
    const table = routesOf('  - {match: {prefix: /}, route: {cluster: a}}');
    const relay = await relayTo(1, { routes: { rdsName: undefined, current: () => table } });
    const client = new RawClient(relay.port);
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n');
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 403 /);
    expect(relay.infos[0]?.responseCodeDetails).toBe('upgrade_failed');
  });

  it('serves h2c upgrades as ordinary requests', async () => {
    let seen: http.IncomingHttpHeaders = {};
    const port = await upstream((request, response) => {
      seen = request.headers;
      response.end('x');
    });
    const relay = await relayTo(port);
    new RawClient(relay.port).write(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n',
    );
    await until(() => seen.host !== undefined);
    expect(seen.upgrade ?? seen['http2-settings']).toBeUndefined();
  });

  it('tunnels CONNECT', async () => {
    const port = await rawUpstream((socket) => {
      socket.once('data', (head) => {
        expect(head.toString()).toContain('CONNECT b:1 HTTP/1.1\r\nhost: b:1\r\n');
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.on('data', (data) => socket.end(data));
      });
    });
    const relay = await relayTo(port, { upgrades: new Set(['connect']) });
    const client = new RawClient(relay.port).write('CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n');
    await client.until((c) => c.text.endsWith('\r\n\r\n'));
    expect(await client.write('ping').untilEnd()).toMatch(/\r\n\r\nping$/);
  });
});

describe('life of a connection', () => {
  it('drains: lets the request finish, says so, closes idle connections at once', async () => {
    const answers: (() => void)[] = [];
    const relay = await relayTo(await upstream((_, response) => answers.push(() => void response.end('done'))));
    const idle = new RawClient(relay.port);
    await once(idle.socket, 'connect');
    const busy = new RawClient(relay.port).write(GET);
    await until(() => [...relay.connections].some((connection) => connection.activeRequests === 1));
    await until(() => relay.connections.size === 2 && answers.length === 1);
    for (const connection of relay.connections) connection.drain();
    expect(await idle.untilEnd()).toBe('');
    for (const answer of answers) answer();
    expect(await busy.untilEnd()).toMatch(/connection: close\r\n[\s\S]*done$/);
  });

  it('answers a client that closed its sending side', async () => {
    const relay = await relayTo(await upstream((_, response) => void setTimeout(() => response.end('late'), 30)));
    const client = new RawClient(relay.port).write(GET);
    client.socket.end();
    expect(await client.untilEnd()).toMatch(/late$/);
  });

  it('gives up the upstream request when the client is gone', async () => {
    let closed = false;
    const port = await rawUpstream((socket) => {
      socket.on('close', () => {
        closed = true;
      });
      socket.resume().on('end', () => socket.end());
    });
    const relay = await relayTo(port);
    const client = new RawClient(relay.port).write(GET);
    await until(() => [...relay.connections].some((connection) => connection.activeRequests === 1));
    client.socket.resetAndDestroy();
    await until(() => closed && relay.infos.length === 1);
    expect(relay.infos[0]).toMatchObject({ responseCode: 0, flags: FLAG.DC });
    expect(relay.infos[0]?.responseCodeDetails).toBe('downstream_remote_disconnect');
  });

  const timeouts = testConfig().timeouts;
  it.each([
    [
      'a head that does not come',
      { requestHeadersMs: 50 },
      'GET / HTTP/1.1\r\n',
      /^HTTP\/1\.1 408 /,
      'request_header_timeout',
    ],
    [
      'a head that stops, without a time for heads,',
      { idleMs: 50 },
      'GET / HTTP/1.1\r\nHo',
      /^HTTP\/1\.1 408 /,
      'request_header_timeout',
    ],
    [
      'a body that does not come',
      { requestMs: 50 },
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na',
      /^HTTP\/1\.1 408 [\s\S]*request timeout$/,
      'request_overall_timeout',
    ],
    [
      'an answer that does not come',
      { streamIdleMs: 50 },
      GET,
      /^HTTP\/1\.1 504 [\s\S]*stream timeout$/,
      'stream_idle_timeout',
    ],
  ])('times out %s', async (_, changed, input, expected, details) => {
    const port = await rawUpstream((socket) => void socket.resume());
    const relay = await relayTo(port, { timeouts: { ...timeouts, ...changed } });
    const client = new RawClient(relay.port).write(input);
    expect(await client.until((c) => expected.test(c.text))).toMatch(expected);
    expect(relay.infos[0]?.responseCodeDetails).toBe(details);
  });

  it('closes an idle connection', async () => {
    const relay = await relayTo(1, { timeouts: { ...timeouts, idleMs: 50 } });
    expect(await new RawClient(relay.port).untilEnd()).toBe('');
  });

  it('takes a new configuration with the next request', async () => {
    const relay = await relayTo(await upstream((_, response) => response.end('x')));
    const client = new RawClient(relay.port).write(GET);
    expect(await client.until((c) => c.text.endsWith('x'))).toContain('server: envoy');
    relay.live.current = { ...relay.live.current, serverName: 'other' };
    client.text = '';
    expect(await client.write(GET).until((c) => c.text.endsWith('x'))).toContain('server: other');
  });
});

describe('filters and local replies', () => {
  const answering = (answer: (stream: DownstreamStream) => void): Router => ({
    route(stream): RequestHandler {
      answer(stream);
      return {
        onRequestData: () => undefined,
        onRequestTrailers: () => undefined,
        onDownstreamReset: () => undefined,
        onDownstreamDrain: () => undefined,
      };
    },
  });
  const hello = answering((stream) => {
    const headers = new HeaderList();
    headers.append('x-from', 'router');
    stream.sendHead({ status: 200, reason: '', headers }, false);
    stream.sendData(Buffer.from('hello'), true);
  });

  async function ask(router: Router, filters: readonly HttpFilter[], input = GET): Promise<[string, TestRelay]> {
    const relay = await startRelay({ router }, { filters });
    cleanups.push(() => relay.close());
    const client = new RawClient(relay.port).write(input.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    return [await client.untilEnd(), relay];
  }

  it('runs request filters in order, response filters in reverse, and completes once', async () => {
    const calls: string[] = [];
    const filter = (name: string, later: boolean): HttpFilter => ({
      name,
      onRequest: () => {
        calls.push(`request ${name}`);
        return later ? new Promise((resolve) => setTimeout(() => resolve(undefined), 5)) : undefined;
      },
      onResponse: () => void calls.push(`response ${name}`),
      onComplete: () => void calls.push(`complete ${name}`),
    });
    const [text] = await ask(hello, [filter('a', false), filter('b', true), filter('c', false)]);
    expect(text).toContain('x-from: router');
    expect(calls).toEqual([
      ...['request a', 'request b', 'request c'],
      ...['response c', 'response b', 'response a'],
      ...['complete a', 'complete b', 'complete c'],
    ]);
  });

  it.each([
    ['a value', () => ({ status: 403, body: 'denied', details: 'd', flags: FLAG.UAEX })],
    ['a promise', () => Promise.resolve({ status: 403, body: 'denied', details: 'd', flags: FLAG.UAEX })],
  ])('answers a local reply given as %s, and the router never sees the request', async (_, onRequest) => {
    const router = answering(() => expect.unreachable());
    const [text, relay] = await ask(router, [{ name: 'f', onRequest }]);
    expect(text).toMatch(
      /^HTTP\/1\.1 403 Forbidden\r\ncontent-length: 6\r\ncontent-type: text\/plain\r\ndate: .*\r\nserver: envoy\r\n/,
    );
    expect(text).toMatch(/\r\n\r\ndenied$/);
    expect(relay.infos[0]).toMatchObject({
      responseCode: 403,
      responseCodeDetails: 'd',
      flags: FLAG.UAEX,
      bytesSent: 6,
    });
  });

  it('lets nothing pass a filter that fails', async () => {
    const router = answering(() => expect.unreachable());
    const broken: HttpFilter = { name: 'f', onRequest: () => Promise.reject(new Error('broken')) };
    const [text] = await ask(router, [broken]);
    expect(text).toMatch(/^HTTP\/1\.1 500 /);
  });

  it('holds the body back while a filter decides', async () => {
    let received = '';
    const router: Router = {
      route: (stream) => ({
        onRequestData: (chunk, end) => {
          received += chunk.toString();
          if (end) stream.localReply({ status: 200, body: 'ok', details: '', flags: 0 });
        },
        onRequestTrailers: () => undefined,
        onDownstreamReset: () => undefined,
        onDownstreamDrain: () => undefined,
      }),
    };
    const slow: HttpFilter = {
      name: 's',
      onRequest: () => new Promise((resolve) => setTimeout(resolve, 20, undefined)),
    };
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello';
    const [text] = await ask(router, [slow], post);
    expect([received, text.endsWith('ok')]).toEqual(['hello', true]);
  });
});
