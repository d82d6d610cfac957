import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import type { CoarseTimers } from '../http/coarse-timers.js';
import type { ClientConnection, ClientConnectionEvents, ResponseHandler, UpstreamStream } from '../http/stream.js';
import type { Cluster, ClusterResources, Host, HostPool, WireProtocol } from './cluster.js';
import { PooledConnection } from './pooled-connection.js';

/** Who wants to send a request: it is called back once, at once when a connection is idle. */
export interface PoolWaiter extends ResponseHandler {
  onPoolReady(connection: PooledConnection, stream: UpstreamStream): void;
  /** `detail` is `%UPSTREAM_TRANSPORT_FAILURE_REASON%`. */
  onPoolFailure(reason: 'overflow' | 'connect-failure' | 'connect-timeout', detail: string): void;
}

export interface PoolDeps {
  readonly clock: Clock;
  readonly timers: CoarseTimers;
  /** Puts a codec on a connection that is ready. */
  readonly createConnection: (
    socket: Socket,
    events: ClientConnectionEvents,
    protocol: 'http1' | 'http2',
    cluster: Pick<Cluster, 'settings' | 'traffic'>,
  ) => ClientConnection;
}

export type Priority = 'default' | 'high';

/** What keeps connections apart: the limits of the priorities, and what is spoken. */
export interface PoolKind {
  readonly priority: Priority;
  readonly protocol: WireProtocol;
  /** What the request calls the server, where TLS goes by it. */
  readonly serverName?: string | undefined;
}

/** The HTTP connections to one host. */
export class HttpHostPool implements HostPool {
  private readonly pools: ConnectionPool[] = [];

  constructor(
    private readonly cluster: Cluster,
    private readonly host: Host,
    private readonly deps: PoolDeps,
  ) {}

  /** The host's pool, made at its first request. */
  static of(cluster: Cluster, host: Host, deps: PoolDeps): HttpHostPool {
    if (host.pool instanceof HttpHostPool) return host.pool;
    const pool = new HttpHostPool(cluster, host, deps);
    host.pool = pool;
    return pool;
  }

  /** Begins a request now or when a connection is free; the waiter hears of it. */
  request(waiter: PoolWaiter, kind: PoolKind): void {
    let pool = this.find(kind);
    if (pool === undefined) {
      this.forgetEmpty(kind);
      pool = new ConnectionPool(this.cluster, this.host, kind, this.deps);
      this.pools.push(pool);
    }
    pool.request(waiter);
  }

  /** The waiter no longer wants a connection. Nothing happens when it has one already. */
  cancel(waiter: PoolWaiter, kind: PoolKind): void {
    this.find(kind)?.cancel(waiter);
  }

  drain(): void {
    for (const pool of this.pools) pool.drain();
  }

  /** Names come from requests: there may be any number of them. */
  private forgetEmpty({ serverName }: PoolKind): void {
    if (serverName === undefined) return;
    for (let i = this.pools.length - 1; i >= 0; i--) if (this.pools[i]?.isEmpty === true) this.pools.splice(i, 1);
  }

  private find({ priority, protocol, serverName }: PoolKind): ConnectionPool | undefined {
    for (const pool of this.pools) {
      const { kind } = pool;
      if (kind.protocol === protocol && kind.priority === priority && kind.serverName === serverName) return pool;
    }
    return undefined;
  }
}

/** Requests that one HTTP/2 connection is expected to carry, until one has told. */
const EXPECTED_STREAMS = 100;

/**
 * Connections of one host and kind, under the circuit breakers of the cluster with Envoy's semantics: a connection that
 * can take a request is used at once, the last used first; otherwise the request waits, if it may, and a connection is
 * opened, if there may be one more. A connect failure fails all who wait.
 */
export class ConnectionPool {
  readonly resources: ClusterResources;
  /** Those that can take a request. */
  private readonly idle: PooledConnection[] = [];
  private readonly all = new Set<PooledConnection>();
  private readonly waiting = new Set<PoolWaiter>();
  /** Those for whom a connection is being looked at. */
  private readonly looking = new Set<PoolWaiter>();
  private connecting = 0;
  /** Requests that a connection which is being made will carry. */
  private expected: number;

  constructor(
    readonly cluster: Cluster,
    readonly host: Host,
    readonly kind: PoolKind,
    readonly deps: PoolDeps,
  ) {
    this.resources = cluster.resources(kind.priority);
    this.expected = kind.protocol === 'http1' ? 1 : (cluster.settings.http2?.maxConcurrentStreams ?? EXPECTED_STREAMS);
  }

  /** Nobody waits, and nothing is open. */
  get isEmpty(): boolean {
    return this.all.size === 0 && this.waiting.size === 0 && this.looking.size === 0;
  }

  request(waiter: PoolWaiter): void {
    const connection = this.takeIdle();
    if (connection !== undefined) {
      if (connection.isStale) this.look(connection, waiter);
      else {
        this.attach(connection, waiter);
        this.offer(connection);
      }
      return;
    }
    if (this.resources.pending >= this.resources.maxPendingRequests) {
      this.resources.overflows++;
      waiter.onPoolFailure('overflow', '');
      return;
    }
    this.waiting.add(waiter);
    this.resources.pending++;
    this.cluster.traffic.waits++;
    this.openWhereNeeded();
  }

  cancel(waiter: PoolWaiter): void {
    if (this.waiting.delete(waiter)) {
      this.resources.pending--;
      this.cluster.traffic.cancelled++;
    } else {
      this.looking.delete(waiter);
    }
  }

  drain(): void {
    for (const connection of [...this.all]) connection.drain();
  }

  /** @internal The connection can take a request. */
  onConnectionFree(connection: PooledConnection): void {
    while (connection.hasRoom) {
      const waiter = this.nextWaiter();
      if (waiter === undefined) break;
      this.attach(connection, waiter);
    }
    this.offer(connection);
  }

  /** Puts a connection that has room for a request where the next one finds it. */
  private offer(connection: PooledConnection): void {
    if (!connection.hasRoom || connection.offered) return;
    connection.offered = true;
    this.idle.push(connection);
  }

  /** @internal */
  onConnected(connection: PooledConnection, capacity: number): void {
    this.connecting--;
    this.expected = Math.max(1, capacity);
    this.onConnectionFree(connection);
    this.openWhereNeeded();
  }

  /** @internal It never became ready. */
  onConnectFailed(connection: PooledConnection, reason: 'connect-failure' | 'connect-timeout', detail: string): void {
    this.connecting--;
    this.host.stats.connectFail++;
    const failed = [...this.waiting];
    const { traffic } = this.cluster;
    traffic.connectFailures++;
    if (reason === 'connect-timeout') traffic.connectTimeouts++;
    traffic.failedWaits += failed.length;
    this.waiting.clear();
    this.resources.pending -= failed.length;
    this.remove(connection);
    for (const waiter of failed) waiter.onPoolFailure(reason, detail);
  }

  /** @internal No further request goes on it; it may still have one under way. */
  onConnectionUnusable(connection: PooledConnection): void {
    if (!connection.offered) return;
    connection.offered = false;
    const index = this.idle.indexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
  }

  /** @internal It is closed and counts no more. */
  remove(connection: PooledConnection): void {
    if (!this.all.delete(connection)) return;
    this.resources.connections--;
    this.onConnectionUnusable(connection);
    this.openWhereNeeded();
  }

  private takeIdle(): PooledConnection | undefined {
    for (;;) {
      const connection = this.idle.pop();
      if (connection === undefined) return undefined;
      connection.offered = false;
      if (connection.isOpen && connection.hasRoom) return connection;
    }
  }

  /**
   * Uses a connection only after the event loop has read what its peer sent meanwhile: if that is the end of the
   * connection, the request takes another one. One whole turn lies between two immediates.
   */
  private look(connection: PooledConnection, waiter: PoolWaiter): void {
    this.looking.add(waiter);
    if (connection.isMultiplexed) this.offer(connection);
    setImmediate(() => setImmediate(() => this.looked(connection, waiter)));
  }

  private looked(connection: PooledConnection, waiter: PoolWaiter): void {
    const wanted = this.looking.delete(waiter);
    if (wanted && connection.isOpen && connection.hasRoom) this.attach(connection, waiter);
    else if (wanted) this.request(waiter);
    if (connection.isOpen) this.onConnectionFree(connection);
  }

  private nextWaiter(): PoolWaiter | undefined {
    for (const waiter of this.waiting) {
      this.waiting.delete(waiter);
      this.resources.pending--;
      return waiter;
    }
    return undefined;
  }

  /** Begins a request, unless the limit of active ones forbids it. */
  private attach(connection: PooledConnection, waiter: PoolWaiter): void {
    if (this.resources.requests < this.resources.maxRequests) {
      connection.begin(waiter);
      return;
    }
    this.cluster.traffic.activeOverflows++;
    waiter.onPoolFailure('overflow', '');
  }

  private openWhereNeeded(): void {
    while (this.waiting.size > this.connecting * this.expected) {
      const { connections, maxConnections } = this.resources;
      // A host without any connection gets one beyond the limit, or its requests would wait for ever.
      if (connections >= maxConnections && this.all.size > 0) {
        this.resources.connectionOverflows++;
        return;
      }
      const connection = new PooledConnection(this);
      this.all.add(connection);
      this.resources.connections++;
      this.cluster.traffic.connections++;
      this.connecting++;
      connection.open();
    }
  }
}
