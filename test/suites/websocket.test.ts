import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Sidecars, twoSidecars } from './pair.js';
import { CASES, type WsCase } from './websocket-cases.js';
import { OP, WsReader } from './websocket-frames.js';

const app = http.createServer();
const server = new WebSocketServer({ server: app, perMessageDeflate: false, maxPayload: 16 << 20 });
server.on('connection', (socket: WebSocket) => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.on('error', () => {});
});
let sidecars: Sidecars;

beforeAll(async () => {
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  sidecars = await twoSidecars((app.address() as AddressInfo).port, 'http1');
});
afterAll(async () => {
  await sidecars.stop();
  server.close();
  app.closeAllConnections();
  app.close();
});

/** An opened WebSocket, and how it ends. */
interface Opened {
  readonly stream: Duplex;
  close(): void;
}

function overHttp1(port: number): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      port,
      host: '127.0.0.1',
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    request.on('upgrade', (response, socket, head) => {
      expect(response.headers['sec-websocket-accept']).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
      socket.unshift(head);
      (socket as net.Socket).setNoDelay(true);
      resolve({ stream: socket, close: () => socket.destroy() });
    });
    request.on('error', reject);
    request.end();
  });
}

/** RFC 8441. */
function overHttp2(port: number): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    session.once('remoteSettings', ({ enableConnectProtocol }) => {
      expect(enableConnectProtocol).toBe(true);
      const stream = session.request(
        { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13' },
        { endStream: false },
      );
      stream.once('response', (headers) => {
        expect(headers[':status']).toBe(200);
        resolve({ stream, close: () => session.destroy() });
      });
      stream.on('error', reject);
    });
  });
}

async function drive({ stream, close }: Opened, { send, cut }: WsCase): Promise<WsReader> {
  const reader = new WsReader();
  stream.on('data', (bytes: Buffer) => reader.push(bytes));
  stream.on('error', () => {});
  const ended = new Promise((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
  });
  const all = Buffer.concat(send);
  for (let at = 0; at < all.length && !stream.destroyed; at += cut ?? all.length) {
    stream.write(all.subarray(at, at + (cut ?? all.length)));
    if (cut !== undefined) await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  close();
  return reader;
}

function check(reader: WsReader, { expect: expected = [], close = 1000 }: WsCase): void {
  const closing = reader.frames.filter(({ opcode }) => opcode === OP.CLOSE);
  const others = reader.frames.filter(({ opcode }) => opcode !== OP.CLOSE);
  expect(others.map(({ opcode, payload }) => [opcode, payload.length])).toEqual(
    expected.map(([opcode, payload]) => [opcode, payload.length]),
  );
  others.forEach(({ payload }, i) => {
    expect(payload.equals(expected[i]![1])).toBe(true);
  });
  expect(closing.map(({ payload }) => (payload.length < 2 ? 1005 : payload.readUInt16BE()))).toEqual([close]);
}

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2 (RFC 8441)', overHttp2],
] as const)('WebSocket over %s through two sidecars over mTLS', (_, open) => {
  it.each(CASES.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    check(await drive(await open(sidecars.port), one), one);
  });
});
