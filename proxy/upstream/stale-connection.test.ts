import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import { CoarseTimers } from '../http/coarse-timers.js';
import { HeaderList } from '../http/headers.js';
import type { UpstreamStream } from '../http/stream.js';
import { PLAINTEXT_PEER } from '../http/stream-info.js';
import { Http1ClientConnection } from '../http1/client-connection.js';
import type { Cluster } from './cluster.js';
import { PLAINTEXT } from './compile-transport.js';
import { UpstreamHost } from './host.js';
import { HttpHostPool, type PoolWaiter } from './http-pool.js';
import type { PooledConnection } from './pooled-connection.js';
import { BreakerState } from './resources.js';
import { TrafficStats } from './traffic-stats.js';

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const UNLIMITED = {
  maxConnections: 9,
  maxPendingRequests: 9,
  maxRequests: 9,
  maxRetries: 9,
  retryBudget: undefined,
  trackRemaining: false,
};
const SETTINGS = { connectTimeoutMs: 1000, idleTimeoutMs: 0, maxRequestsPerConnection: 0, maxConnectionDurationMs: 0 };

/** Sends a GET as soon as it can; resolves with the status or with why there is none. */
function get(pool: HttpHostPool): Promise<string> {
  return new Promise((resolve) => {
    let pooled: PooledConnection | undefined;
    const end = (result: string): void => {
      pooled?.endRequest();
      resolve(result);
    };
    const waiter: PoolWaiter = {
      onPoolReady(connection: PooledConnection, stream: UpstreamStream) {
        pooled = connection;
        stream.sendHead(
          { method: 'GET', path: '/', authority: 'a', scheme: 'http', version: 'HTTP/1.1', headers: new HeaderList() },
          true,
        );
      },
      onPoolFailure: end,
      onInformational() {},
      onResponseHead: ({ status }) => end(String(status)),
      onResponseData() {},
      onResponseTrailers() {},
      onUpstreamReset: end,
      onUpstreamDrain() {},
    };
    pool.request(waiter, { priority: 'default', protocol: 'http1' });
  });
}

describe('a server that has closed an idle connection, though nobody has read that yet', () => {
  it.each([
    ['ends', (socket: net.Socket) => socket.destroy()],
    ['is reset', (socket: net.Socket) => socket.resetAndDestroy()],
  ])('costs no request when it %s', async (_, close) => {
    const accepted: net.Socket[] = [];
    const server = net.createServer((socket) => {
      accepted.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(
      () => server.close(),
      () => accepted.map((socket) => socket.destroy()),
    );
    const { port } = server.address() as net.AddressInfo;
    const clock = new ManualClock();
    const resources = new BreakerState(UNLIMITED, () => 0);
    const cluster: Cluster = {
      name: 'c',
      settings: SETTINGS,
      service: undefined,
      traffic: new TrafficStats(),
      resources: () => resources,
      chooseHost: () => undefined,
      connect: (_host, events) => {
        const socket = net.connect(port, '127.0.0.1', () => events.onReady(PLAINTEXT_PEER));
        cleanups.push(() => socket.destroy());
        return socket;
      },
      report() {},
    };
    const pool = HttpHostPool.of(cluster, new UpstreamHost('127.0.0.1', port, PLAINTEXT, false), {
      clock,
      timers: new CoarseTimers(clock),
      createConnection: (socket, events) => new Http1ClientConnection(socket, events, { clock }),
    });
    expect(await get(pool)).toBe('200');
    await new Promise(setImmediate);
    clock.advance(2000);
    // From here to the request the event loop reads nothing.
    close(accepted[0]!);
    expect(await get(pool)).toBe('200');
    expect(accepted).toHaveLength(2);
  });
});
