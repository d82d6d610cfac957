import { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import { CoarseTimers } from '../http/coarse-timers.js';
import type { ClientConnection, ClientConnectionEvents, UpstreamStream } from '../http/stream.js';
import { PLAINTEXT_PEER } from '../http/stream-info.js';
import type { Cluster, ClusterSettings, ConnectEvents } from './cluster.js';
import type { BreakerLimits } from './cluster-config.js';
import { PLAINTEXT } from './compile-transport.js';
import { UpstreamHost } from './host.js';
import { HttpHostPool, type PoolWaiter } from './http-pool.js';
import type { PooledConnection } from './pooled-connection.js';
import { BreakerState } from './resources.js';
import { TrafficStats } from './traffic-stats.js';

const NO_STREAM: UpstreamStream = {
  sendHead() {},
  sendData: () => true,
  sendTrailers() {},
  reset() {},
  setReadable() {},
};

/** A codec that does nothing by itself. */
class FakeConnection implements ClientConnection {
  readonly maxConcurrent = 1;
  idleLimitMs: number | undefined = undefined;
  running = false;
  constructor(
    readonly events: ClientConnectionEvents,
    readonly socket: Socket,
  ) {}
  start(): UpstreamStream {
    this.running = true;
    return NO_STREAM;
  }
  drain(): void {
    this.draining = true;
    if (!this.running) this.destroy();
    else this.events.onUnusable();
  }
  draining = false;
  destroy(): void {
    this.socket.destroy();
    this.events.onUnusable();
  }
}

/** A request that records what the pool tells it. */
class Waiter implements PoolWaiter {
  connection: PooledConnection | undefined = undefined;
  failure: string | undefined = undefined;
  onPoolReady(connection: PooledConnection): void {
    this.connection = connection;
  }
  onPoolFailure(reason: string): void {
    this.failure = reason;
  }
  onInformational(): void {}
  onResponseHead(): void {}
  onResponseData(): void {}
  onResponseTrailers(): void {}
  onUpstreamReset(): void {}
  onUpstreamDrain(): void {}
}

let clock: ManualClock;
let dials: ConnectEvents[];
let codecs: FakeConnection[];
beforeEach(() => {
  clock = new ManualClock();
  dials = [];
  codecs = [];
});

function setUp(limits: Partial<BreakerLimits> = {}, settings: Partial<ClusterSettings> = {}) {
  const resources = new BreakerState(
    {
      maxConnections: 1024,
      maxPendingRequests: 1024,
      maxRequests: 1024,
      maxRetries: 3,
      retryBudget: undefined,
      trackRemaining: false,
      ...limits,
    },
    () => clock.monotonic(),
  );
  const cluster: Cluster = {
    name: 'c',
    settings: {
      connectTimeoutMs: 1000,
      idleTimeoutMs: 60_000,
      maxRequestsPerConnection: 0,
      maxConnectionDurationMs: 0,
      ...settings,
    },
    service: undefined,
    traffic: new TrafficStats(),
    resources: () => resources,
    chooseHost: () => undefined,
    connect: (_host, events) => {
      dials.push(events);
      return new Socket();
    },
    report() {},
  };
  const host = new UpstreamHost('127.0.0.1', 80, PLAINTEXT, false);
  const pool = HttpHostPool.of(cluster, host, {
    clock,
    timers: new CoarseTimers(clock, 1),
    createConnection: (socket, events) => {
      const codec = new FakeConnection(events, socket);
      codecs.push(codec);
      return codec;
    },
  });
  const request = (): Waiter => {
    const waiter = new Waiter();
    pool.request(waiter, { priority: 'default', protocol: 'http1' });
    return waiter;
  };
  return { resources, host, pool, request };
}

function ready(index: number): void {
  dials[index]?.onReady(PLAINTEXT_PEER);
}

function finish(waiter: Waiter, index: number): void {
  waiter.connection?.endRequest();
  codecs[index]!.running = false;
  codecs[index]!.events.onAvailable();
}

describe('connections', () => {
  it('opens one for each request that waits, and uses the last idle one first', () => {
    const { request, resources } = setUp();
    const [a, b] = [request(), request()];
    expect(dials).toHaveLength(2);
    expect(resources).toMatchObject({ connections: 2, pending: 2, requests: 0 });
    ready(0);
    ready(1);
    expect(resources).toMatchObject({ pending: 0, requests: 2 });
    finish(a, 0);
    finish(b, 1);
    const c = request();
    expect(c.connection).toBe(b.connection);
    expect(dials).toHaveLength(2);
  });

  it('hands a free connection to who waits longest', () => {
    const { request } = setUp({ maxConnections: 1 });
    const [a, b, c] = [request(), request(), request()];
    expect(dials).toHaveLength(1);
    ready(0);
    finish(a, 0);
    expect(b.connection).toBe(a.connection);
    expect(c.connection).toBeUndefined();
  });

  it('fails all who wait when a connect fails', () => {
    const { request, resources, host } = setUp();
    const waiters = [request(), request()];
    dials[0]?.onFailed('connect-failure', 'refused');
    expect(waiters.map((waiter) => waiter.failure)).toEqual(['connect-failure', 'connect-failure']);
    expect(resources).toMatchObject({ connections: 1, pending: 0 });
    expect(host.stats.connectFail).toBe(1);
  });

  it('never uses a connection that the peer has closed', () => {
    const { request, resources } = setUp();
    const a = request();
    ready(0);
    finish(a, 0);
    codecs[0]!.destroy();
    expect(resources.connections).toBe(0);
    const b = request();
    expect(b.connection).toBeUndefined();
    expect(dials).toHaveLength(2);
  });

  it('opens another one for who waits when one is lost', () => {
    const { request } = setUp({ maxConnections: 1 });
    const a = request();
    request();
    ready(0);
    codecs[0]!.destroy();
    a.connection?.endRequest();
    expect(dials).toHaveLength(2);
  });

  it('forgets who no longer waits', () => {
    const { request, pool, resources } = setUp();
    const a = request();
    pool.cancel(a, { priority: 'default', protocol: 'http1' });
    ready(0);
    expect(a.connection).toBeUndefined();
    expect(resources).toMatchObject({ pending: 0, requests: 0, connections: 1 });
  });
});

describe('limits', () => {
  it('of pending requests', () => {
    const { request, resources } = setUp({ maxPendingRequests: 1 });
    const [a, b] = [request(), request()];
    expect([a.failure, b.failure]).toEqual([undefined, 'overflow']);
    expect(resources.overflows).toBe(1);
  });

  it('of active requests', () => {
    const { request } = setUp({ maxRequests: 1 });
    const [a, b] = [request(), request()];
    ready(0);
    ready(1);
    expect(a.connection).toBeDefined();
    expect(b.failure).toBe('overflow');
  });

  it('of connections, but a host always gets its first', () => {
    const { request, resources } = setUp({ maxConnections: 1 });
    resources.connections = 1;
    request();
    request();
    expect(dials).toHaveLength(1);
  });

  it('of requests on a connection', () => {
    const { request, resources } = setUp({}, { maxRequestsPerConnection: 1 });
    const a = request();
    ready(0);
    expect(codecs[0]!.draining).toBe(true);
    expect(resources.connections).toBe(1);
    a.connection?.endRequest();
    expect(resources.connections).toBe(0);
    request();
    expect(dials).toHaveLength(2);
  });
});

describe('time', () => {
  it('closes idle connections', () => {
    const { request, resources } = setUp({}, { idleTimeoutMs: 500 });
    const a = request();
    ready(0);
    clock.advance(10_000);
    expect(resources.connections).toBe(1);
    finish(a, 0);
    clock.advance(499);
    expect(resources.connections).toBe(1);
    clock.advance(2);
    expect(resources.connections).toBe(0);
  });

  it.each([
    [5000, 4000],
    [1000, 500],
    [900_000, 60_000],
  ])('closes before a peer that closes after %i ms does', (limit, closed) => {
    const { request, resources } = setUp();
    const a = request();
    ready(0);
    codecs[0]!.idleLimitMs = limit;
    finish(a, 0);
    clock.advance(closed - 2);
    expect(resources.connections).toBe(1);
    clock.advance(4);
    expect(resources.connections).toBe(0);
  });

  it('drains old connections', () => {
    const { request } = setUp({}, { maxConnectionDurationMs: 500 });
    request();
    ready(0);
    clock.advance(501);
    expect(codecs[0]!.draining).toBe(true);
  });
});

it('drains with its host: idle ones at once, busy ones after their request', () => {
  const { request, pool, resources } = setUp();
  const [a, b] = [request(), request()];
  ready(0);
  ready(1);
  finish(a, 0);
  pool.drain();
  expect(resources.connections).toBe(1);
  b.connection?.endRequest();
  expect(resources.connections).toBe(0);
});

describe('a connection that was idle for long', () => {
  const looked = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

  function idle() {
    const made = setUp();
    const first = made.request();
    ready(0);
    finish(first, 0);
    clock.advance(2000);
    return { ...made, first };
  }

  it('is used once nothing has come from its peer', async () => {
    const { request, first } = idle();
    const next = request();
    expect(next.connection).toBeUndefined();
    await looked();
    expect(next.connection).toBe(first.connection);
    expect(dials).toHaveLength(1);
  });

  it('costs nothing when its peer has closed it', async () => {
    const { request, first, resources } = idle();
    const next = request();
    codecs[0]!.destroy();
    await looked();
    expect(dials).toHaveLength(2);
    ready(1);
    expect(next.connection).toBeDefined();
    expect(next.connection).not.toBe(first.connection);
    expect(resources).toMatchObject({ connections: 1, pending: 0, requests: 1 });
  });

  it('is free again when the request gives up', async () => {
    const { request, pool, first, resources } = idle();
    const next = request();
    pool.cancel(next, { priority: 'default', protocol: 'http1' });
    await looked();
    expect(next.connection).toBeUndefined();
    expect(resources).toMatchObject({ connections: 1, pending: 0, requests: 0 });
    const last = request();
    await looked();
    expect(last.connection).toBe(first.connection);
  });
});
