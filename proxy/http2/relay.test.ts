import { randomBytes } from 'node:crypto';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { listening, TestProxy } from './testing.js';

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

type App = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

async function listen(server: net.Server): Promise<number> {
  const { port, close } = await listening(server);
  ending.push(close);
  return port;
}

async function http2App(app: App, settings: http2.Settings = {}): Promise<number> {
  const server = http2.createServer({ settings });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    app(stream, headers);
  });
  server.on('sessionError', () => {});
  return listen(server as unknown as net.Server);
}

async function proxyTo(upstreamPort: number, upstream: 'http1' | 'http2' | 'downstream', more = {}): Promise<number> {
  const proxy = await TestProxy.start({ upstreamPort, upstream, ...more });
  ending.push(() => proxy.stop());
  return proxy.port;
}

function session(port: number): http2.ClientHttp2Session {
  const client = http2.connect(`http://127.0.0.1:${port}`);
  client.on('error', () => {});
  ending.push(() => client.destroy());
  return client;
}

interface Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly body: Buffer;
  readonly trailers: http2.IncomingHttpHeaders;
}

async function ask(
  client: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer | string,
  trailers?: http2.OutgoingHttpHeaders,
): Promise<Answer> {
  const stream = client.request(headers, { endStream: body === undefined, waitForTrailers: trailers !== undefined });
  if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  if (body !== undefined) stream.end(body);
  return new Promise((resolve, reject) => {
    let head: Answer['headers'] = {};
    let tail: http2.IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on('response', (received) => {
      head = received;
    });
    stream.on('trailers', (received) => {
      tail = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => resolve({ headers: head, body: Buffer.concat(chunks), trailers: tail }));
  });
}

/** Answers with what came, trailers included. */
const echo: App = (stream, headers) => {
  const chunks: Buffer[] = [];
  let sum = '';
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('trailers', (trailers) => {
    sum = String(trailers['x-sum'] ?? '');
  });
  stream.on('end', () => {
    stream.respond(
      { ':status': 200, 'x-path': headers[':path'] ?? '', 'x-te': headers.te ?? '' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-answer': `got ${sum}` }));
    stream.end(Buffer.concat(chunks));
  });
};

describe.each([1, 2])('HTTP/2 clients and servers through %d sidecars', (hops) => {
  const chain = async (port: number): Promise<number> => {
    let last = port;
    for (let i = 0; i < hops; i++) last = await proxyTo(last, 'http2');
    return last;
  };

  it('carries bodies and trailers in both directions', async () => {
    const client = session(await chain(await http2App(echo)));
    const answer = await ask(client, { ':method': 'POST', ':path': '/a?b', te: 'trailers' }, 'hello', { 'x-sum': '5' });
    expect(answer.headers).toMatchObject({ ':status': 200, 'x-path': '/a?b', 'x-te': 'trailers' });
    expect([answer.body.toString(), answer.trailers['x-answer']]).toEqual(['hello', 'got 5']);
  });

  it('carries many requests at once, whatever their size', async () => {
    const client = session(await chain(await http2App(echo)));
    const bodies = Array.from({ length: 80 }, (_, i) => randomBytes(i % 10 === 0 ? 500_000 : i * 37));
    const answers = await Promise.all(bodies.map((body) => ask(client, { ':method': 'POST', ':path': '/' }, body)));
    answers.forEach(({ body }, i) => {
      expect(body.equals(bodies[i] as Buffer)).toBe(true);
    });
  });

  it('streams a big body to a slow reader in bounded memory, and others are not held up', async () => {
    const size = 64 * 1024 * 1024;
    const port = await chain(
      await http2App((stream, headers) => {
        stream.respond({ ':status': 200 });
        if (headers[':path'] !== '/big') {
          stream.end('quick');
          return;
        }
        const chunk = Buffer.alloc(64 * 1024, 7);
        let left = size;
        const more = (): void => {
          for (;;) {
            left -= chunk.length;
            if (left === 0) {
              stream.end(chunk);
              return;
            }
            if (stream.write(chunk)) continue;
            stream.once('drain', more);
            return;
          }
        };
        more();
      }),
    );
    const before = process.memoryUsage().rss;
    const client = session(port);
    const big = client.request({ ':path': '/big' });
    let received = 0;
    await new Promise((resolve) => big.once('data', resolve));
    big.pause();
    await delay(300);
    // Over a connection of their own: a client's window is its own affair. Upstream they share one.
    const others = session(port);
    const quick = await Promise.all(Array.from({ length: 20 }, () => ask(others, { ':path': '/' })));
    expect(quick.every(({ body }) => body.toString() === 'quick')).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(48 * 1024 * 1024);
    big.resume();
    big.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    await new Promise((resolve) => big.once('end', resolve));
    expect(received).toBeGreaterThan(size - 1024 * 1024);
  });

  it('ends at the server what the client cancels', async () => {
    let ended: (code: number) => void = () => {};
    const code = new Promise<number>((resolve) => {
      ended = resolve;
    });
    const port = await chain(
      await http2App((stream) => {
        stream.respond({ ':status': 200 });
        stream.write('begun');
        stream.on('close', () => ended(stream.rstCode));
      }),
    );
    const stream = session(port).request({ ':path': '/' });
    stream.on('error', () => {});
    await new Promise((resolve) => stream.once('data', resolve));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    expect(await code).toBe(http2.constants.NGHTTP2_CANCEL);
  });

  it('answers 503 to what the server resets, and retries what it refuses', async () => {
    let count = 0;
    const upstream = await http2App((stream, headers) => {
      count++;
      if (headers[':path'] === '/reset') stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      else if (count % 2 === 1) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      else {
        stream.respond({ ':status': 200 });
        stream.end();
      }
    });
    const retrying = { route: { retry_policy: { retry_on: 'refused-stream', num_retries: 1 } } };
    const client = session(await proxyTo(upstream, 'http2', retrying));
    expect((await ask(client, { ':path': '/' })).headers[':status']).toBe(200);
    const answer = await ask(client, { ':path': '/reset' });
    expect(answer.headers[':status']).toBe(503);
    expect(answer.body.toString()).toContain('remote reset');
  });
});

describe('HTTP/1.1 and HTTP/2', () => {
  it('a client of HTTP/2 reaches an application of HTTP/1.1', async () => {
    const server = http.createServer((request, response) => {
      if (request.method === 'HEAD') {
        response.writeHead(204).end();
        return;
      }
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(200, {
          trailer: 'x-sum',
          'x-host': request.headers.host ?? '',
          'x-cookie': request.headers.cookie ?? '',
        });
        response.write(Buffer.concat(chunks));
        response.addTrailers({ 'x-sum': String(request.trailers['x-sum']) });
        response.end();
      });
    });
    const client = session(await proxyTo(await listen(server), 'http1'));
    const head = { ':method': 'PUT', ':path': '/', ':authority': 'shop.test', cookie: ['a=1', 'b=2'] };
    const answer = await ask(client, head, 'hello', { 'x-sum': '5' });
    expect(answer.headers).toMatchObject({ ':status': 200, 'x-host': 'shop.test', 'x-cookie': 'a=1; b=2' });
    expect(answer.headers['transfer-encoding']).toBeUndefined();
    expect([answer.body.toString(), answer.trailers['x-sum']]).toEqual(['hello', '5']);
    expect((await ask(client, { ':method': 'HEAD', ':path': '/' })).headers[':status']).toBe(204);
  });

  it('a client of HTTP/1.1 reaches an application of HTTP/2', async () => {
    const port = await proxyTo(await http2App(echo), 'http2');
    const text = await raw(
      port,
      'POST /p HTTP/1.1\r\nHost: shop\r\nTE: trailers\r\nConnection: TE, X-Hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n',
      '\r\n\r\n',
      2,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toContain('x-te: trailers\r\n');
    expect(text).toMatch(/transfer-encoding: chunked\r\n/);
    expect(text).toContain('5\r\nhello\r\n0\r\nx-answer: got 5\r\n\r\n');
  });

  it('between two of ours, names keep their case and order, and the reason its words', async () => {
    let received = '';
    const server = net.createServer((socket) => {
      socket.on('data', (bytes: Buffer) => {
        received += bytes.toString('latin1');
        if (!received.includes('\r\n\r\n')) return;
        socket.end(
          'HTTP/1.1 200 Quite Fine\r\nX-CamelCase: 1\r\nETag: "x"\r\nx-lower: 2\r\nContent-Length: 2\r\n\r\nok',
        );
      });
    });
    const inner = await proxyTo(await listen(server), 'http1');
    const outer = await proxyTo(inner, 'http2');
    const text = await raw(
      outer,
      'GET /Path?Q HTTP/1.1\r\nHost: Shop\r\nX-Second: b\r\nX-FIRST: a\r\naccept: */*\r\n\r\n',
      'ok',
      1,
    );
    expect(received).toMatch(
      /^GET \/Path\?Q HTTP\/1\.1\r\nhost: Shop\r\nX-Second: b\r\nX-FIRST: a\r\naccept: \*\/\*\r\n/,
    );
    expect(text).toMatch(
      /^HTTP\/1\.1 200 Quite Fine\r\nX-CamelCase: 1\r\nETag: "x"\r\nx-lower: 2\r\nContent-Length: 2\r\n/,
    );
  });

  it('an early answer ends the request without an error, and the connection goes on', async () => {
    const port = await proxyTo(
      await http2App((stream) => {
        stream.respond({ ':status': 413 });
        stream.end('no');
      }),
      'http2',
    );
    const client = session(port);
    const stream = client.request({ ':method': 'POST', ':path': '/' });
    stream.write('begun');
    const status = await new Promise((resolve) => stream.once('response', (head) => resolve(head[':status'])));
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
    expect([status, stream.rstCode]).toEqual([413, 0]);
    expect((await ask(client, { ':path': '/' })).headers[':status']).toBe(413);
  });

  it.each([
    ['HTTP/1.1', 'http1'],
    ['HTTP/2', 'http2'],
  ] as const)('server-sent events of %s arrive one by one', async (_, upstream) => {
    let next: (text: string) => void = () => {};
    const events = { 'content-type': 'text/event-stream' };
    const app =
      upstream === 'http1'
        ? await listen(
            http.createServer((_request, response) => {
              response.writeHead(200, events).flushHeaders();
              next = (text) => void response.write(text);
            }),
          )
        : await http2App((stream) => {
            stream.respond({ ':status': 200, ...events });
            next = (text) => void stream.write(text);
          });
    const port = await proxyTo(app, upstream);
    const overHttp2 = session(port).request({ ':path': '/' });
    await new Promise((resolve) => overHttp2.once('response', resolve));
    for (let i = 0; i < 5; i++) {
      const event = new Promise((resolve) => overHttp2.once('data', (chunk) => resolve(String(chunk))));
      next(`data: ${i}\n\n`);
      expect(await event).toBe(`data: ${i}\n\n`);
    }
    overHttp2.close();
    const overHttp1 = await fetch(`http://127.0.0.1:${port}/`);
    const reader = overHttp1.body!.getReader();
    for (let i = 0; i < 5; i++) {
      next(`data: ${i}\n\n`);
      expect(Buffer.from((await reader.read()).value!).toString()).toBe(`data: ${i}\n\n`);
    }
    await reader.cancel();
  });

  it('drains: a request under way ends, and the client hears of it', async () => {
    let arrived: () => void = () => {};
    const underWay = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const upstream = await http2App(async (stream) => {
      arrived();
      await released;
      stream.respond({ ':status': 200 });
      stream.end('late');
    });
    const proxy = await TestProxy.start({ upstreamPort: upstream, upstream: 'http2' });
    ending.push(() => proxy.stop());
    const client = session(proxy.port);
    const goAway = new Promise((resolve) => client.once('goaway', resolve));
    const answer = ask(client, { ':path': '/' });
    await underWay;
    const drained = proxy.drain();
    release();
    expect((await answer).body.toString()).toBe('late');
    expect(await goAway).toBe(0);
    await drained;
  });

  it('as the request came (use_downstream_protocol_config), each protocol has its own connections', async () => {
    const versions: string[] = [];
    const server = net.createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        versions.push(bytes.toString('latin1', 0, 3));
        socket.destroy();
      });
    });
    const port = await proxyTo(await listen(server), 'downstream');
    await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', '503', 1);
    await ask(session(port), { ':path': '/' });
    expect(versions).toEqual(['GET', 'PRI']);
  });

  it('upgrades go over HTTP/1.1 as before', async () => {
    const server = http.createServer();
    server.on('upgrade', (_request, socket: net.Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    const port = await proxyTo(await listen(server), 'downstream');
    const text = await raw(
      port,
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nping',
      'ping',
      1,
    );
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
  });
});

/** Sends bytes and reads until `mark` has come so many times. */
async function raw(port: number, text: string, mark: string, times: number): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  ending.push(() => socket.destroy());
  socket.write(text);
  let received = '';
  return new Promise((resolve, reject) => {
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
      if (received.split(mark).length > times) resolve(received);
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${received}`)));
  });
}
