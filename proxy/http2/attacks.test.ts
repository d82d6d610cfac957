import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ERROR, FRAME } from './constants.js';
import { encodeSettings, SETTING } from './settings.js';
import { frame, RawHttp2Client, TestProxy } from './testing.js';

const app = http.createServer((request, response) => {
  request.resume();
  if (request.url === '/hang') return;
  request.on('end', () => response.end('x'.repeat(request.url === '/big' ? 300_000 : 2)));
});
let proxy: TestProxy;
let client: RawHttp2Client;

beforeAll(async () => {
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  proxy = await TestProxy.start({ upstreamPort: (app.address() as AddressInfo).port, upstream: 'http1' });
});
afterAll(async () => {
  await proxy.stop();
  app.closeAllConnections();
  await new Promise((resolve) => app.close(resolve));
});
afterEach(() => client.close());

const connect = async (settings?: Buffer): Promise<void> => {
  client = await RawHttp2Client.connect(proxy.port, settings);
};

/** Ends the connection with this code, counts it, and leaves the others alone. */
async function expectEnd(code: number, counter: string, before: number): Promise<void> {
  expect(await client.goAway()).toBe(code);
  expect(await proxy.counter(counter)).toBeGreaterThan(before);
  const other = await RawHttp2Client.connect(proxy.port);
  other.request(1);
  expect(await other.status(1)).toBe('200');
  other.close();
}

describe('a stream that was never opened', () => {
  it('is not reset for a faulty PRIORITY: the connection ends', async () => {
    await connect();
    client.send(FRAME.PRIORITY, 0, 1, Buffer.alloc(4));
    expect(await client.goAway()).toBe(ERROR.FRAME_SIZE_ERROR);
    expect(client.frames.some(({ type }) => type === FRAME.RST_STREAM)).toBe(false);
  });
});

describe('floods', () => {
  const ping = frame(FRAME.PING, 0, 0, Buffer.alloc(8));
  const reset = frame(FRAME.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8]));
  it.each([
    ['PING', 'inbound_ping_flood', ping],
    ['SETTINGS', 'inbound_settings_flood', frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(0))],
    ['PRIORITY', 'inbound_priority_frames_flood', frame(FRAME.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 1]))],
    [
      'WINDOW_UPDATE',
      'inbound_window_update_frames_flood',
      frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0, 0, 0, 1])),
    ],
    ['frames of no known type', 'inbound_unknown_frames_flood', frame(99, 0, 0, Buffer.alloc(0))],
    ['RST_STREAM for what is over', 'inbound_reset_flood', reset],
  ])('of %s end the connection', async (_, counter, bytes) => {
    const before = await proxy.counter(counter);
    await connect();
    client.request(1);
    await client.status(1);
    client.socket.write(Buffer.concat(Array(3000).fill(bytes)));
    await expectEnd(ERROR.ENHANCE_YOUR_CALM, counter, before);
  });

  it('of PING frames by a client that reads no answer end the connection', async () => {
    await connect(encodeSettings([[SETTING.INITIAL_WINDOW_SIZE, 0x7fffffff]]));
    client.send(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0x7f, 0, 0, 0]));
    const counted = async (): Promise<number> =>
      (await proxy.counter('outbound_control_flood')) + (await proxy.counter('inbound_ping_flood'));
    const before = await counted();
    client.socket.pause();
    for (let id = 1; id < 200; id += 2) {
      client.send(FRAME.HEADERS, 0x5, id, client.block([...GET, [':path', '/big']]));
    }
    const closed = new Promise((resolve) => client.socket.once('error', resolve).once('close', resolve));
    const until = Date.now() + 10_000;
    while ((await counted()) === before && Date.now() < until) {
      for (let i = 0; i < 200; i++) client.socket.write(ping);
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (client.closed) break;
    }
    expect(await counted()).toBeGreaterThan(before);
    client.socket.resume();
    await closed;
  });

  it('of empty DATA frames end the connection', async () => {
    await connect();
    client.send(FRAME.HEADERS, 0x4, 1, client.block([...POST]));
    client.socket.write(Buffer.concat(Array(3000).fill(frame(FRAME.DATA, 0, 1, Buffer.alloc(0)))));
    await expectEnd(ERROR.ENHANCE_YOUR_CALM, 'inbound_empty_frames_flood', 0);
  });

  it('of CONTINUATION frames end the connection (CVE-2024-27316)', async () => {
    await connect();
    client.send(FRAME.HEADERS, 0, 1, client.block([...POST]));
    const more = frame(FRAME.CONTINUATION, 0, 1, Buffer.alloc(0));
    client.socket.write(Buffer.concat(Array(1000).fill(more)));
    await expectEnd(ERROR.ENHANCE_YOUR_CALM, 'too_many_header_frames', 0);
  });

  it('of requests that are reset at once end the connection (rapid reset, CVE-2023-44487)', async () => {
    await connect();
    for (let id = 1; id < 2001; id += 2) {
      client.send(FRAME.HEADERS, 0x5, id, client.block([...GET, [':path', '/hang']]));
      client.send(FRAME.RST_STREAM, 0, id, Buffer.from([0, 0, 0, 8]));
    }
    await expectEnd(ERROR.ENHANCE_YOUR_CALM, 'premature_resets', 0);
  });

  it('of streams that we are made to reset end the connection (MadeYouReset, CVE-2025-8671)', async () => {
    await connect();
    for (let id = 1; id < 2001; id += 2) {
      client.send(FRAME.HEADERS, 0x5, id, client.block([...GET, [':path', '/hang']]));
      client.send(FRAME.WINDOW_UPDATE, 0, id, Buffer.alloc(4));
    }
    await expectEnd(ERROR.ENHANCE_YOUR_CALM, 'premature_resets', 1);
  });
});

const GET: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'test'],
];
const POST: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'test'],
];

describe('heads', () => {
  it('larger than allowed get 431, and the connection goes on', async () => {
    await connect();
    client.request(
      1,
      0x5,
      Array.from({ length: 10 }, (_, i) => [`x-${i}`, 'v'.repeat(900)] as const),
    );
    expect(await client.status(1)).toBe('200');
    const big = client.block([...POST, ...Array.from({ length: 120 }, (_, i) => [`y-${i}`, 'v'] as const)]);
    client.send(FRAME.HEADERS, 0x5, 3, big);
    expect(await client.status(3)).toBe('431');
    expect(await proxy.counter('header_overflow')).toBeGreaterThan(0);
    client.request(5);
    expect(await client.status(5)).toBe('200');
  });

  it('that unpack to megabytes end the connection (HPACK bomb)', async () => {
    await connect();
    client.request(1, 0x5, [['x-bomb', 'v'.repeat(1500)]]);
    expect(await client.status(1)).toBe('200');
    client.send(FRAME.HEADERS, 0x5, 3, Buffer.concat([client.block([...POST]), Buffer.alloc(15_000, 0xbe)]));
    await expectEnd(ERROR.ENHANCE_YOUR_CALM, 'header_bomb', 0);
  });

  it.each([
    ['a capital in a name', [['X-A', '1']]],
    ['a line break in a value', [['x-a', 'a\r\nx: 1']]],
    ['NUL in a value', [['x-a', 'a\0']]],
    ['Connection', [['connection', 'close']]],
    ['Transfer-Encoding', [['transfer-encoding', 'chunked']]],
    ['TE other than trailers', [['te', 'gzip']]],
    [
      'a pseudo-header behind a field',
      [
        ['x-a', '1'],
        [':path', '/'],
      ],
    ],
    ['an unknown pseudo-header', [[':protocol', 'websocket']]],
    [
      'two different lengths',
      [
        ['content-length', '0'],
        ['content-length', '1'],
      ],
    ],
  ] as const)('with %s end the stream', async (_, more) => {
    await connect();
    client.request(1, 0x5, more);
    expect(await client.reset(1)).toBe(ERROR.PROTOCOL_ERROR);
    client.request(3);
    expect(await client.status(3)).toBe('200');
  });

  it.each(['/a b', 'x', '/a\tb', ''])('with the path %j end the stream', async (path) => {
    await connect();
    client.send(FRAME.HEADERS, 0x5, 1, client.block([...GET, [':path', path]]));
    expect(await client.reset(1)).toBe(ERROR.PROTOCOL_ERROR);
  });
});

describe('limits', () => {
  it('streams beyond the advertised number are refused', async () => {
    await connect();
    for (let id = 1; id <= 257 * 2; id += 2) {
      client.send(FRAME.HEADERS, 0x5, id, client.block([...GET, [':path', '/hang']]));
    }
    expect(await client.reset(513)).toBe(ERROR.REFUSED_STREAM);
    expect(await proxy.counter('stream_refused_errors')).toBeGreaterThan(0);
  });

  it('a window that stays shut holds back what is sent, and opening it lets it go', async () => {
    await connect(encodeSettings([[SETTING.INITIAL_WINDOW_SIZE, 1000]]));
    client.send(FRAME.HEADERS, 0x5, 1, client.block([...GET, [':path', '/big']]));
    expect(await client.status(1)).toBe('200');
    await client.until(({ type }) => type === FRAME.DATA);
    const received = (): number =>
      client.frames.filter(({ type }) => type === FRAME.DATA).reduce((sum, { payload }) => sum + payload.length, 0);
    expect(received()).toBe(1000);
    client.send(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0, 0x40, 0, 0]));
    client.send(FRAME.WINDOW_UPDATE, 0, 1, Buffer.from([0, 0x40, 0, 0]));
    await client.until(({ type, flags }) => type === FRAME.DATA && (flags & 1) === 1);
    expect(received()).toBe(300_000);
  });

  it('data beyond the window ends the stream', async () => {
    await connect();
    client.send(FRAME.HEADERS, 0x4, 1, client.block([...GET, [':path', '/hang'], ['expect', '100-continue']]));
    await client.status(1);
    for (let i = 0; i < 40; i++) client.send(FRAME.DATA, 0, 1, Buffer.alloc(16_384));
    // The application reads, so the window is opened again; what is in flight at once never exceeds it here.
    client.send(FRAME.WINDOW_UPDATE, 0, 1, Buffer.from([0x7f, 0xff, 0xff, 0xff]));
    expect(await client.reset(1)).toBe(ERROR.FLOW_CONTROL_ERROR);
  });

  it.each([
    ['a frame larger than allowed', () => frame(FRAME.DATA, 0, 1, Buffer.alloc(16_385)), ERROR.FRAME_SIZE_ERROR],
    ['a stream of an even number', () => frame(FRAME.HEADERS, 5, 2, client.block([...POST])), ERROR.PROTOCOL_ERROR],
    ['a push', () => frame(FRAME.PUSH_PROMISE, 4, 1, Buffer.alloc(4)), ERROR.PROTOCOL_ERROR],
    ['padding longer than the frame', () => frame(FRAME.DATA, 8, 1, Buffer.from([9, 0])), ERROR.PROTOCOL_ERROR],
    ['a block that cannot be read', () => frame(FRAME.HEADERS, 5, 1, Buffer.from([0x80])), ERROR.COMPRESSION_ERROR],
    [
      'a window above 2^31-1',
      () => frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0x7f, 255, 255, 255])),
      ERROR.FLOW_CONTROL_ERROR,
    ],
    ['a length of SETTINGS that is none', () => frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(5)), ERROR.FRAME_SIZE_ERROR],
  ])('%s ends the connection', async (_, bytes, code) => {
    await connect();
    client.socket.write(bytes());
    expect(await client.goAway()).toBe(code);
  });

  it('whatever is sent, and however cut, the proxy goes on', async () => {
    let seed = 12_345;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 60; round++) {
      await connect();
      client.request(1);
      for (let i = 0; i < 30; i++) {
        const payload = Buffer.from(Array.from({ length: random(40) }, () => random(256)));
        client.send(random(11), random(64), random(5), payload);
      }
      client.socket.end();
      await new Promise((resolve) => setImmediate(resolve));
      client.close();
    }
    await connect();
    client.request(1);
    expect(await client.status(1)).toBe('200');
  });
});
