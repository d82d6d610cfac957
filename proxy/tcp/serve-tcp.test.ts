import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { FLAG, formatFlags } from '../http/flags.js';
import { PLAINTEXT_PEER, type StreamInfo } from '../http/stream-info.js';
import type { TcpProxyConfig } from '../listeners/config.js';
import { TEST_CONNECTION } from '../telemetry/testing.js';
import type { Cluster, ClusterResources, Clusters, ConnectEvents, Host } from '../upstream/cluster.js';
import { plainDialer } from '../upstream/dialer.js';
import { TrafficStats } from '../upstream/traffic-stats.js';
import { serveTcp, type TcpDeps, type TcpHandle } from './serve-tcp.js';

const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(onConnection: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true }, onConnection);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

async function closedPort(): Promise<number> {
  const port = await listen(() => undefined);
  const server = servers.pop();
  server?.close();
  return port;
}

function fakeHost(port: number): Host {
  return {
    address: `127.0.0.1:${port}`,
    ip: '127.0.0.1',
    port,
    weight: 1,
    priority: 0,
    workload: undefined,
    meshTls: false,
    activeRequests: 0,
    stats: { total: 0, success: 0, error: 0, connectFail: 0, timeout: 0 },
    pool: undefined,
  };
}

class FakeCluster implements Cluster {
  readonly name = 'c';
  readonly settings = {
    connectTimeoutMs: 1000,
    idleTimeoutMs: 0,
    maxRequestsPerConnection: 0,
    maxConnectionDurationMs: 0,
  };
  readonly service = undefined;
  readonly traffic = new TrafficStats();
  readonly outcomes: string[] = [];
  readonly limits: ClusterResources = {
    maxConnections: 10,
    maxPendingRequests: 0,
    maxRequests: 0,
    maxRetries: 0,
    retryBudget: undefined,
    connections: 0,
    pending: 0,
    requests: 0,
    retries: 0,
    overflows: 0,
    connectionOverflows: 0,
    retryOverflows: 0,
    retriesBegun: 0,
    retrySuccesses: 0,
    retryLimits: 0,
    trackRemaining: false,
  }; // prettier-ignore
  private next = 0;
  constructor(readonly hosts: Host[]) {}
  resources = (): ClusterResources => this.limits;
  chooseHost = (): Host | undefined => this.hosts[this.next++ % this.hosts.length];
  connect = (host: Host, events: ConnectEvents): net.Socket =>
    plainDialer(systemClock).connect(host, undefined, { connectTimeoutMs: 1000, keepAlive: undefined }, events);
  report = (host: Host, outcome: { kind: string }): void => void this.outcomes.push(`${host.port} ${outcome.kind}`);
}

interface Proxy {
  readonly port: number;
  readonly logged: Promise<StreamInfo>;
  readonly handles: TcpHandle[];
}

async function proxy(
  cluster: Cluster | undefined,
  over: Partial<TcpProxyConfig> = {},
  deps: Partial<TcpDeps> = {},
): Promise<Proxy> {
  let done: (info: StreamInfo) => void = () => undefined;
  const logged = new Promise<StreamInfo>((resolve) => {
    done = resolve;
  });
  const config: TcpProxyConfig = {
    statPrefix: 't',
    clusters: [{ name: 'c', weight: 1 }],
    idleTimeoutMs: 0,
    maxConnectAttempts: 1,
    accessLogs: [{ log: done }],
    onClose: [],
    ...over,
  };
  const clusters: Clusters = { get: (name) => (name === 'c' ? cluster : undefined) };
  const handles: TcpHandle[] = [];
  const port = await listen((socket) => {
    socket.pause();
    handles.push(
      serveTcp(socket, TEST_CONNECTION, config, { clusters, clock: systemClock, random: () => 0.5, ...deps }),
    );
  });
  return { port, logged, handles };
}

function client(port: number): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  return socket;
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // An async iterator would destroy the socket when one direction has ended.
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

describe('TCP proxy', () => {
  it('relays a body larger than any buffer both ways, and counts it', async () => {
    const size = 8 * 1024 * 1024;
    const echo = await listen((socket) => socket.pipe(socket));
    const cluster = new FakeCluster([fakeHost(echo)]);
    const { port, logged } = await proxy(cluster);
    const socket = client(port);
    socket.end(Buffer.alloc(size, 'x'));
    expect((await readAll(socket)).length).toBe(size);
    const info = await logged;
    expect([info.bytesReceived, info.bytesSent, info.flags, info.attempts]).toEqual([size, size, 0, 1]);
    expect(info.upstreamHost).toBe(`127.0.0.1:${echo}`);
    expect(info.upstreamLocalAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(cluster.limits.connections).toBe(0);
    expect(cluster.hosts[0]!.activeRequests).toBe(0);
  });

  it('lets the server speak first', async () => {
    const greeter = await listen((socket) => socket.end('220 hello'));
    const { port } = await proxy(new FakeCluster([fakeHost(greeter)]));
    const socket = client(port);
    expect((await readAll(socket)).toString()).toBe('220 hello');
    socket.end();
  });

  it('answers after the client has ended its direction', async () => {
    const server = await listen((socket) => {
      let seen = '';
      socket.on('data', (chunk) => {
        seen += String(chunk);
      });
      socket.on('end', () => socket.end(`got ${seen}`));
    });
    const { port, logged } = await proxy(new FakeCluster([fakeHost(server)]));
    const socket = client(port);
    socket.end('abc');
    expect((await readAll(socket)).toString()).toBe('got abc');
    await logged;
  });

  it('takes bytes after the server has ended its direction', async () => {
    let received: (text: Promise<Buffer>) => void = () => undefined;
    const seen = new Promise<Buffer>((resolve) => {
      received = resolve;
    });
    const server = await listen((socket) => {
      socket.end('bye');
      received(readAll(socket));
    });
    const { port, logged } = await proxy(new FakeCluster([fakeHost(server)]));
    const socket = client(port);
    await readAll(socket);
    socket.end('late');
    const info = await logged;
    expect(info.bytesReceived).toBe(4);
    expect((await seen).toString()).toBe('late');
  });

  it('goes to another host when one refuses', async () => {
    const dead = await closedPort();
    const live = await listen((socket) => socket.end('ok'));
    const cluster = new FakeCluster([fakeHost(dead), fakeHost(live)]);
    const { port, logged } = await proxy(cluster, { maxConnectAttempts: 2 });
    const socket = client(port);
    expect((await readAll(socket)).toString()).toBe('ok');
    socket.end();
    const info = await logged;
    expect([info.attempts, info.flags, info.upstreamTransportFailureReason]).toEqual([2, 0, '']);
    expect(cluster.outcomes).toEqual([`${dead} connect-failure`, `${live} response`]);
  });

  it('gives up with UF and URX', async () => {
    const cluster = new FakeCluster([fakeHost(await closedPort())]);
    const { port, logged } = await proxy(cluster, { maxConnectAttempts: 2 });
    client(port).resume();
    const info = await logged;
    expect(formatFlags(info.flags)).toBe('UF,URX');
    expect(info.attempts).toBe(2);
    expect(info.upstreamTransportFailureReason).toContain('Connection refused');
    expect(cluster.limits.connections).toBe(0);
  });

  it.each([
    ['NC', undefined, FLAG.NC],
    ['UH', new FakeCluster([]), FLAG.UH],
  ])('closes with %s', async (_name, cluster, flag) => {
    const { port, logged } = await proxy(cluster);
    const socket = client(port);
    socket.resume();
    expect((await logged).flags).toBe(flag);
    if (!socket.readableEnded) await once(socket, 'end');
  });

  it('closes with UO at the limit of connections', async () => {
    const cluster = new FakeCluster([fakeHost(await closedPort())]);
    cluster.limits.connections = cluster.limits.maxConnections;
    const { port, logged } = await proxy(cluster);
    client(port).resume();
    expect((await logged).flags).toBe(FLAG.UO);
    expect(cluster.limits.connectionOverflows).toBe(1);
  });

  it('closes a quiet connection', async () => {
    const server = await listen((socket) => socket.resume());
    const { port, logged } = await proxy(new FakeCluster([fakeHost(server)]), { idleTimeoutMs: 20 });
    client(port).resume();
    const info = await logged;
    expect(info.end - info.start).toBeGreaterThanOrEqual(19);
  });

  it('sends what was sniffed first', async () => {
    const echo = await listen((socket) => socket.pipe(socket));
    const cluster = new FakeCluster([fakeHost(echo)]);
    const port = await listen((socket) => {
      socket.once('data', (chunk) => {
        socket.pause();
        socket.unshift(chunk);
        const config = {
          statPrefix: '',
          clusters: [{ name: 'x', weight: 1 }],
          idleTimeoutMs: 0,
          maxConnectAttempts: 1,
          accessLogs: [],
          onClose: [],
        };
        serveTcp(socket, TEST_CONNECTION, config, {
          clusters: { get: () => cluster },
          clock: systemClock,
          random: () => 0,
          cluster: 'c',
        });
      });
    });
    const socket = client(port);
    socket.end('sniffed');
    expect((await readAll(socket)).toString()).toBe('sniffed');
  });

  it('passes a reset on, and tells the hooks', async () => {
    const calls: string[] = [];
    const server = await listen((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const { port, logged } = await proxy(new FakeCluster([fakeHost(server)]), {
      onOpen: [(info) => calls.push(`open ${info.upstreamPeer === PLAINTEXT_PEER}`)],
      onClose: [() => calls.push('close')],
    });
    const socket = client(port);
    socket.write('x');
    socket.resume();
    await expect(once(socket, 'close')).rejects.toThrow('ECONNRESET');
    await logged;
    expect(calls).toEqual(['open true', 'close']);
  });

  it('survives a reset when the client is on a socket that cannot pass it on', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'weft-tcp-'));
    const server = await listen((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const clusters: Clusters = { get: () => new FakeCluster([fakeHost(server)]) };
    const front = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      const config = {
        statPrefix: '',
        clusters: [{ name: 'c', weight: 1 }],
        idleTimeoutMs: 0,
        maxConnectAttempts: 1,
        accessLogs: [],
        onClose: [],
      };
      serveTcp(socket, TEST_CONNECTION, config, { clusters, clock: systemClock, random: () => 0 });
    });
    servers.push(front);
    front.listen(join(dir, 's'));
    await once(front, 'listening');
    const socket = net.connect(join(dir, 's'));
    socket.write('x');
    socket.resume();
    await once(socket, 'close');
    rmSync(dir, { recursive: true });
  });

  it('asks a forward proxy to go on, and takes what comes right behind its answer', async () => {
    let asked = '';
    const forward = await listen((socket) => {
      socket.once('data', (head) => {
        asked = head.toString();
        socket.write('HTTP/1.1 200 OK\r\nvia: x\r\n\r\nhello ');
        socket.on('data', (chunk) => socket.end(`you said ${String(chunk)}`));
      });
    });
    const tunnel = { authority: 'db.example:5432', headers: [['x-a', 'b']] as const };
    const { port, logged } = await proxy(new FakeCluster([fakeHost(forward)]), { tunnel });
    const socket = client(port);
    socket.once('data', () => socket.end('hi'));
    expect((await readAll(socket)).toString()).toBe('hello you said hi');
    expect(asked).toBe('CONNECT db.example:5432 HTTP/1.1\r\nhost: db.example:5432\r\nx-a: b\r\n\r\n');
    const info = await logged;
    expect([info.flags, info.bytesSent, info.bytesReceived]).toEqual([0, 17, 2]);
  });

  it('goes through a forward proxy in the bodies of a POST', async () => {
    let asked = '';
    const forward = await listen((socket) => {
      socket.on('data', (chunk) => {
        const before = asked;
        asked += chunk.toString();
        if (before === '') socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel');
        else if (asked.endsWith('0\r\n\r\n')) socket.write('0\r\n\r\n');
        else socket.write('lo\r\n');
      });
    });
    const tunnel = { authority: 'db.example:5432', headers: [['x-a', 'b']] as const, postPath: '/' };
    const { port, logged } = await proxy(new FakeCluster([fakeHost(forward)]), { tunnel });
    const socket = client(port);
    socket.write('a');
    socket.once('data', () => socket.end('hi'));
    expect((await readAll(socket)).toString()).toBe('hello');
    expect(asked).toMatch(
      /^POST \/ HTTP\/1\.1\r\nhost: db\.example:5432\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nhi\r\n0\r\n\r\n$/,
    );
    const info = await logged;
    expect([info.flags, info.bytesSent, info.bytesReceived]).toEqual([0, 5, 3]);
  });

  it('resets a client whose POST is broken off', async () => {
    const forward = await listen((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel'));
    });
    const tunnel = { authority: 'db.example:5432', headers: [], postPath: '/' };
    const { port, logged } = await proxy(new FakeCluster([fakeHost(forward)]), { tunnel });
    const socket = client(port);
    socket.on('error', () => undefined).resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect((await logged).bytesSent).toBe(3);
  });

  it.each([
    ['refuses', (socket: net.Socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'), 'answers with 403'],
    ['hangs up', (socket: net.Socket) => socket.end(), 'hung up'],
    ['resets', (socket: net.Socket) => socket.resetAndDestroy(), 'hung up'],
    ['is something else', (socket: net.Socket) => socket.end('220 mail\r\n\r\n'), 'is not HTTP'],
  ])('goes to another forward proxy when one %s', async (_name, answer, reason) => {
    const bad = await listen((socket) => socket.on('error', () => undefined).once('data', () => answer(socket)));
    const tunnel = { authority: 'db.example:5432', headers: [] };
    const only = await proxy(new FakeCluster([fakeHost(bad)]), { tunnel });
    client(only.port).resume();
    const info = await only.logged;
    expect(formatFlags(info.flags)).toBe('UF,URX');
    expect(info.upstreamTransportFailureReason).toContain(reason);
    const good = await listen((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nok')));
    const both = await proxy(new FakeCluster([fakeHost(bad), fakeHost(good)]), { tunnel, maxConnectAttempts: 2 });
    const socket = client(both.port);
    expect((await readAll(socket)).toString()).toBe('ok');
    socket.end();
  });

  it('destroys both sides', async () => {
    const gone = new Promise<void>((resolve) => {
      void listen((socket) => {
        socket.on('end', resolve);
        socket.resume();
        socket.write('hi');
      }).then(async (server) => {
        const { port, handles } = await proxy(new FakeCluster([fakeHost(server)]));
        client(port).once('data', () => {
          handles[0]!.drain();
          handles[0]!.destroy();
        });
      });
    });
    await gone;
  });
});
