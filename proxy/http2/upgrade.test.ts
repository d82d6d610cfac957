import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer, WebSocket as WsClient } from 'ws';
import { listening, TestProxy } from './testing.js';

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

async function listen(server: net.Server): Promise<number> {
  const { port, close } = await listening(server);
  ending.push(close);
  return port;
}

/** An application that echoes WebSocket messages over HTTP/1.1. */
async function echoApp(): Promise<number> {
  const server = http.createServer((_, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket: WebSocket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('error', () => {});
  });
  ending.push(() => sockets.close());
  return listen(server);
}

const CONNECT = { manager: { http2_protocol_options: { allow_connect: true } } };

async function proxyTo(upstreamPort: number, upstream: 'http1' | 'http2', more: object = CONNECT): Promise<TestProxy> {
  const proxy = await TestProxy.start({ upstreamPort, upstream, ...more });
  ending.push(() => proxy.stop());
  return proxy;
}

function connect(port: number): Promise<http2.ClientHttp2Session> {
  const client = http2.connect(`http://127.0.0.1:${port}`);
  client.on('error', () => {});
  ending.push(() => client.destroy());
  return new Promise((resolve) => client.once('remoteSettings', () => resolve(client)));
}

const HEAD = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':path': '/chat',
  ':authority': 'app',
  'sec-websocket-version': '13',
};

/** A masked text frame. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

async function wsClient(port: number): Promise<WebSocket> {
  const socket = new WsClient(`ws://127.0.0.1:${port}/chat`, 'chat');
  socket.on('error', () => {});
  ending.push(() => socket.terminate());
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return socket;
}

describe('WebSocket over HTTP/2 (RFC 8441)', () => {
  it('a client of HTTP/2 reaches an application of HTTP/1.1, without a key of its own', async () => {
    const client = await connect((await proxyTo(await echoApp(), 'http1')).port);
    expect(client.remoteSettings.enableConnectProtocol).toBe(true);
    const stream = client.request(HEAD, { endStream: false });
    const head = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
    expect(head[':status']).toBe(200);
    expect(head['sec-websocket-accept']).toBeUndefined();
    stream.write(textFrame('hello'));
    const answer = await new Promise<Buffer>((resolve) => stream.once('data', resolve));
    expect(answer.subarray(2).toString()).toBe('hello');
    stream.close();
  });

  it.each([
    ['', 2],
    [' of which two are ours', 3],
  ])('a client of HTTP/1.1 reaches an application of HTTP/1.1 over HTTP/2 hops%s', async (_, hops) => {
    let port = await echoApp();
    for (let i = 0; i < hops; i++) port = (await proxyTo(port, i === 0 ? 'http1' : 'http2')).port;
    const socket = await wsClient(port);
    expect(socket.protocol).toBe('chat');
    for (const message of ['a', 'b'.repeat(200_000)]) {
      const answer = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
      socket.send(message);
      expect(await answer).toBe(message);
    }
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.close(1000);
    expect(await closed).toBe(1000);
  });

  it('an application of HTTP/2 that answers without a proof is believed, and the client of HTTP/1.1 gets one', async () => {
    const server = http2.createServer({ settings: { enableConnectProtocol: true } });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      expect([headers[':method'], headers[':protocol']]).toEqual(['CONNECT', 'websocket']);
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
      stream.once('data', () => stream.write(Buffer.from([0x81, 2, 0x6f, 0x6b])));
    });
    const proxy = await proxyTo(await listen(server as unknown as net.Server), 'http2');
    const socket = await wsClient(proxy.port);
    const answer = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
    socket.send('x');
    expect(await answer).toBe('ok');
  });

  it('a refusal is an ordinary answer, and what was sent ahead reaches nobody', async () => {
    let received = '';
    const server = net.createServer((socket) => {
      socket.on('data', (bytes: Buffer) => {
        received += bytes.toString('latin1');
        socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
      });
    });
    const client = await connect((await proxyTo(await listen(server), 'http1')).port);
    const stream = client.request(HEAD, { endStream: false });
    stream.on('error', () => {});
    stream.write('GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n');
    const head = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
    expect(head[':status']).toBe(403);
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
    expect([stream.rstCode, received.includes('smuggled')]).toEqual([0, false]);
  });

  it('is not offered, and breaks the stream, where the configuration does not allow it', async () => {
    const client = await connect((await proxyTo(await echoApp(), 'http1', {})).port);
    expect(client.remoteSettings.enableConnectProtocol).not.toBe(true);
  });

  it('upgrades that are not configured are refused', async () => {
    const client = await connect((await proxyTo(await echoApp(), 'http1')).port);
    const stream = client.request({ ...HEAD, ':protocol': 'other' }, { endStream: false });
    const head = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
    expect(head[':status']).toBe(403);
    stream.close();
  });
});

describe('CONNECT over HTTP/2', () => {
  it('carries bytes both ways, each end by itself, to a proxy of HTTP/1.1', async () => {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      let head = true;
      let body = '';
      socket.on('data', (bytes: Buffer) => {
        if (head) socket.write('HTTP/1.1 200 OK\r\n\r\n');
        else body += bytes.toString();
        head = false;
      });
      socket.on('end', () => socket.end(`got ${body}`));
    });
    const more = {
      manager: { upgrade_configs: [{ upgrade_type: 'CONNECT' }] },
      match: { connect_matcher: {} },
    };
    let port = await listen(server);
    for (const upstream of ['http1', 'http2'] as const) port = (await proxyTo(port, upstream, more)).port;
    const client = await connect(port);
    const stream = client.request({ ':method': 'CONNECT', ':authority': 'db:5432' }, { endStream: false });
    const head = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
    expect(head[':status']).toBe(200);
    stream.end('hello');
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    expect(text).toBe('got hello');
  });
});

it('an application of HTTP/2 that refuses hears that nothing follows, so that its answer can end', async () => {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 403 });
    stream.pipe(stream);
  });
  const client = await connect((await proxyTo(await listen(server as unknown as net.Server), 'http2')).port);
  const stream = client.request(HEAD, { endStream: false });
  stream.on('error', () => {});
  const head = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
  stream.resume();
  await new Promise((resolve) => stream.once('close', resolve));
  expect([head[':status'], stream.rstCode]).toEqual([403, 0]);
});
