import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ERROR, FRAME } from './constants.js';
import { HpackEncoder } from './hpack/encoder.js';
import { encodeSettings, SETTING } from './settings.js';
import { frame, listening, RawHttp2Client, TestProxy } from './testing.js';

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

async function listen(server: net.Server): Promise<number> {
  const { port, close } = await listening(server);
  ending.push(close);
  return port;
}

async function proxyTo(upstreamPort: number, upstream: 'http1' | 'http2', more: object = {}): Promise<TestProxy> {
  const proxy = await TestProxy.start({ upstreamPort, upstream, ...more });
  ending.push(() => proxy.stop());
  return proxy;
}

/** A server of HTTP/2 that answers every request with these frames, whatever they are. */
function scripted(answer: (id: number) => Buffer): net.Server {
  return net.createServer((socket) => {
    socket.write(frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(0)));
    let seen = Buffer.alloc(0);
    let at = 24;
    socket.on('data', (bytes: Buffer) => {
      seen = Buffer.concat([seen, bytes]);
      while (seen.length >= at + 9 && seen.length >= at + 9 + seen.readUIntBE(at, 3)) {
        if (seen[at + 3] === FRAME.HEADERS) socket.write(answer(seen.readUInt32BE(at + 5)));
        at += 9 + seen.readUIntBE(at, 3);
      }
    });
  });
}

function block(fields: readonly (readonly [string, string])[]): Buffer {
  const encoder = new HpackEncoder();
  encoder.begin();
  for (const [name, value] of fields) encoder.field(name, value);
  return Buffer.from(encoder.buffer.subarray(0, encoder.length));
}

const SIZE = 200_000;

/** Node's own server does this when its last write waits for a window: all the data, no END_STREAM, RST_STREAM(NO_ERROR). */
function withoutEnd(more: readonly (readonly [string, string])[] = []): net.Server {
  return scripted((id) => {
    const frames = [frame(FRAME.HEADERS, 4, id, block([[':status', '200'], ...more]))];
    for (let left = SIZE; left > 0; left -= 16_384) {
      frames.push(frame(FRAME.DATA, 0, id, Buffer.alloc(Math.min(left, 16_384), 7)));
    }
    frames.push(frame(FRAME.RST_STREAM, 0, id, Buffer.alloc(4)));
    return Buffer.concat(frames);
  });
}

interface Outcome {
  readonly received: number;
  readonly code: number;
}

async function readSlowly(port: number): Promise<Outcome> {
  const client = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 16_384 } });
  client.on('error', () => {});
  ending.push(() => client.destroy());
  const stream = client.request({ ':path': '/' });
  stream.on('error', () => {});
  let received = 0;
  await new Promise((resolve) => stream.once('readable', resolve));
  await delay(200);
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await new Promise((resolve) => stream.once('close', resolve));
  return { received, code: stream.rstCode };
}

describe('a response that its server resets after the last byte', () => {
  it('arrives with all its bytes, and broken: nobody said that it was complete', async () => {
    const { received, code } = await readSlowly((await proxyTo(await listen(withoutEnd()), 'http2')).port);
    expect(received).toBeGreaterThan(SIZE - 3 * 16_384);
    expect(code).not.toBe(0);
  });

  it('is complete where its length says so', async () => {
    const server = withoutEnd([['content-length', String(SIZE)]]);
    expect(await readSlowly((await proxyTo(await listen(server), 'http2')).port)).toEqual({ received: SIZE, code: 0 });
  });
});

describe('a body without a head', () => {
  it('is no answer: the request fails', async () => {
    const server = scripted((id) => frame(FRAME.DATA, 1, id, Buffer.from('body')));
    const client = await RawHttp2Client.connect((await proxyTo(await listen(server), 'http2')).port);
    ending.push(() => client.close());
    client.request(1);
    expect(await client.status(1)).toBe('502');
  });
});

async function plainApp(size: number): Promise<number> {
  return listen(http.createServer((_, response) => response.end(Buffer.alloc(size))));
}

describe('a client whose window stays shut', () => {
  it('loses the stream after the idle timeout, which is counted, and not the connection', async () => {
    const proxy = await proxyTo(await plainApp(5000), 'http1', { manager: { stream_idle_timeout: '0.3s' } });
    const client = await RawHttp2Client.connect(proxy.port, encodeSettings([[SETTING.INITIAL_WINDOW_SIZE, 1000]]));
    ending.push(() => client.close());
    client.request(1);
    expect(await client.status(1)).toBe('200');
    expect(await client.reset(1)).toBe(ERROR.CANCEL);
    expect(await proxy.counter('tx_flush_timeout')).toBe(1);
    client.send(FRAME.SETTINGS, 0, 0, encodeSettings([[SETTING.INITIAL_WINDOW_SIZE, 100_000]]));
    client.request(3);
    await client.until(({ type, id, flags }) => type === FRAME.DATA && id === 3 && (flags & 1) === 1);
  });

  it('holds back no other client of the same upstream connection', async () => {
    const server = http2.createServer();
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(1_000_000));
    });
    const proxy = await proxyTo(await listen(server as unknown as net.Server), 'http2');
    const shut = await RawHttp2Client.connect(proxy.port, encodeSettings([[SETTING.INITIAL_WINDOW_SIZE, 0]]));
    ending.push(() => shut.close());
    for (let id = 1; id < 60; id += 2) shut.request(id);
    await shut.status(1);
    const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
    ending.push(() => client.destroy());
    const stream = client.request({ ':path': '/' });
    let received = 0;
    for await (const chunk of stream) received += (chunk as Buffer).length;
    expect(received).toBe(1_000_000);
  });
});

const KEEPALIVE = { connection_keepalive: { interval: '0.1s', timeout: '0.2s' } };

describe('keepalive', () => {
  it('asks a client, keeps one that answers, and lets one go that does not', async () => {
    const proxy = await proxyTo(await plainApp(2), 'http1', { manager: { http2_protocol_options: KEEPALIVE } });
    const silent = await RawHttp2Client.connect(proxy.port);
    const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
    ending.push(
      () => silent.close(),
      () => client.destroy(),
    );
    await silent.until(({ type }) => type === FRAME.PING);
    while (!silent.closed) await delay(20);
    expect(await proxy.counter('keepalive_timeout')).toBe(1);
    const stream = client.request({ ':path': '/' });
    const head = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
    expect(head[':status']).toBe(200);
    stream.resume();
  });

  it('lets a server go that does not answer, and its requests fail at once', async () => {
    const server = scripted(() => Buffer.alloc(0));
    const proxy = await proxyTo(await listen(server), 'http2', { http2: KEEPALIVE });
    const answer = await fetch(`http://127.0.0.1:${proxy.port}/`);
    expect(answer.status).toBe(503);
    expect(await proxy.counter('keepalive_timeout', 'cluster.app.')).toBe(1);
  });
});

describe('limits by configuration', () => {
  it('streams, windows and table are those of the options', async () => {
    const options = {
      max_concurrent_streams: 7,
      initial_stream_window_size: 70_000,
      initial_connection_window_size: 80_000,
      hpack_table_size: 100,
      allow_connect: true,
    };
    const proxy = await proxyTo(await plainApp(2), 'http1', { manager: { http2_protocol_options: options } });
    const client = await RawHttp2Client.connect(proxy.port);
    ending.push(() => client.close());
    const { payload } = await client.until(({ type, flags }) => type === FRAME.SETTINGS && flags === 0);
    const told = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6) told.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    expect(told.get(SETTING.MAX_CONCURRENT_STREAMS)).toBe(7);
    expect(told.get(SETTING.INITIAL_WINDOW_SIZE)).toBe(70_000);
    expect(told.get(SETTING.HEADER_TABLE_SIZE)).toBe(100);
    expect(told.get(SETTING.ENABLE_CONNECT_PROTOCOL)).toBe(1);
    const update = await client.until(({ type, id }) => type === FRAME.WINDOW_UPDATE && id === 0);
    expect(update.payload.readUInt32BE(0)).toBe(80_000 - 65_535);
  });

  it('a connection that has lived long enough says so, and ends', async () => {
    const manager = { common_http_protocol_options: { max_connection_duration: '0.2s' } };
    const proxy = await proxyTo(await plainApp(2), 'http1', { manager });
    const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
    client.on('error', () => {});
    ending.push(() => client.destroy());
    const code = await new Promise((resolve) => client.once('goaway', resolve));
    expect(code).toBe(0);
    await new Promise((resolve) => client.once('close', resolve));
  });
});
