import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, head, SidecarPair } from './pair.js';

const MB = 1024 * 1024;
const SIZE = 200 * MB;
/** More than buffers of two sockets and a pause in collection take, and far below the body. */
const ALLOWED_GROWTH = 80 * MB;

const pair = new SidecarPair();
let server: Server;
beforeAll(async () => {
  await pair.start();
  pair.app.close();
  server = createServer((request, response) => {
    if (request.method === 'POST') {
      let length = 0;
      request.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length % (8 * MB) < chunk.length) {
          request.pause();
          setTimeout(() => request.resume(), 10);
        }
      });
      request.on('end', () => response.end(String(length)));
      return;
    }
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let left = SIZE;
    if (request.url === '/fixed') response.setHeader('content-length', SIZE);
    const more = (): void => {
      while (left > 0) {
        left -= chunk.length;
        if (!response.write(chunk)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(pair.ports.app, '127.0.0.1', resolve);
  });
});
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await pair.dispose();
});

function resident(): number {
  return Math.max(
    ...pair.mesh.pids(/^sidecar/).map((pid) => {
      const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return Number(kilobytes) * 1024;
    }),
  );
}

/** Bytes of the answer, read with pauses, and the most that a sidecar's memory grew by. */
async function download(path: string): Promise<{ readonly bytes: number; readonly growth: number }> {
  const before = resident();
  let most = before;
  let bytes = 0;
  const socket = connect(pair.ports.outbound, '127.0.0.1');
  socket.write(get(path, 'Connection: close'));
  await delay(500);
  for await (const chunk of socket) {
    bytes += (chunk as Buffer).length;
    if (bytes % (4 * MB) < (chunk as Buffer).length) {
      most = Math.max(most, resident());
      await delay(10);
    }
  }
  return { bytes, growth: most - before };
}

const linux = existsSync('/proc/self/status');

describe.skipIf(!linux)('a body of 200 MB and a slow reader', () => {
  it.each(['/fixed', '/chunked'])('comes whole, and is not kept in memory: %s', async (path) => {
    const { bytes, growth } = await download(path);
    expect(bytes).toBeGreaterThan(SIZE);
    expect(growth).toBeLessThan(ALLOWED_GROWTH);
  });

  it('goes up whole, and is not kept in memory', async () => {
    const before = resident();
    const socket = connect(pair.ports.outbound, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.write(head('POST /up HTTP/1.1', 'Host: shop', 'Connection: close', `Content-Length: ${SIZE}`));
    const chunk = Buffer.alloc(MB, 'x');
    let most = before;
    for (let sent = 0; sent < SIZE; sent += MB) {
      if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
      if (sent % (8 * MB) === 0) most = Math.max(most, resident());
    }
    await new Promise((resolve) => socket.once('close', resolve));
    expect(text).toContain(`\r\n${SIZE}`);
    expect(most - before).toBeLessThan(ALLOWED_GROWTH);
  });
});
