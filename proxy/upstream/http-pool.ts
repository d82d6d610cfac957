import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import type { CoarseTimers } from '../http/coarse-timers.js';
import type { ClientConnection, ClientConnectionEvents, ResponseHandler, UpstreamStream } from '../http/stream.js';
import type { Cluster, ClusterResources, Host, HostPool } from './cluster.js';
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
  readonly createConnection: (socket: Socket, events: ClientConnectionEvents) => ClientConnection;
}

export type Priority = 'default' | 'high';

/** The HTTP connections to one host, apart for the two priorities because their limits are. */
export class HttpHostPool implements HostPool {
  private readonly pools: Record<Priority, ConnectionPool | undefined> = { default: undefined, high: undefined };

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
  request(waiter: PoolWaiter, priority: Priority): void {
    let pool = this.pools[priority];
    if (pool === undefined) {
      pool = new ConnectionPool(this.cluster, this.host, this.cluster.resources(priority), this.deps);
      this.pools[priority] = pool;
    }
    pool.request(waiter);
  }

  /** The waiter no longer wants a connection. Nothing happens when it has one already. */
  cancel(waiter: PoolWaiter, priority: Priority): void {
    this.pools[priority]?.cancel(waiter);
  }

  drain(): void {
    this.pools.default?.drain();
    this.pools.high?.drain();
  }
}

/**
 * Connections of one host and priority, under the circuit breakers of the cluster with Envoy's semantics: an idle
 * connection is used at once, the last used first; otherwise the request waits, if it may, and a connection is opened,
 * if there may be one more. A connect failure fails all who wait.
 */
export class ConnectionPool {
  private readonly idle: PooledConnection[] = [];
  private readonly all = new Set<PooledConnection>();
  private readonly waiting = new Set<PoolWaiter>();
  /** Those for whom a connection is being looked at. */
  private readonly looking = new Set<PoolWaiter>();
  private connecting = 0;

  constructor(
    readonly cluster: Cluster,
    readonly host: Host,
    readonly resources: ClusterResources,
    readonly deps: PoolDeps,
  ) {}

  request(waiter: PoolWaiter): void {
    const connection = this.takeIdle();
    if (connection !== undefined) {
      if (connection.isStale) this.look(connection, waiter);
      else if (!this.attach(connection, waiter)) this.idle.push(connection);
      return;
    }
    if (this.resources.pending >= this.resources.maxPendingRequests) {
      this.resources.overflows++;
      waiter.onPoolFailure('overflow', '');
      return;
    }
    this.waiting.add(waiter);
    this.resources.pending++;
    this.openWhereNeeded();
  }

  cancel(waiter: PoolWaiter): void {
    if (this.waiting.delete(waiter)) this.resources.pending--;
    else this.looking.delete(waiter);
  }

  drain(): void {
    for (const connection of [...this.all]) connection.drain();
  }

  /** @internal The connection is ready for its first or next request. */
  onConnectionFree(connection: PooledConnection): void {
    for (;;) {
      const waiter = this.nextWaiter();
      if (waiter === undefined) break;
      if (this.attach(connection, waiter)) return;
    }
    this.idle.push(connection);
  }

  /** @internal */
  onConnected(connection: PooledConnection): void {
    this.connecting--;
    this.onConnectionFree(connection);
  }

  /** @internal It never became ready. */
  onConnectFailed(connection: PooledConnection, reason: 'connect-failure' | 'connect-timeout', detail: string): void {
    this.connecting--;
    this.host.stats.connectFail++;
    const failed = [...this.waiting];
    this.waiting.clear();
    this.resources.pending -= failed.length;
    this.remove(connection);
    for (const waiter of failed) waiter.onPoolFailure(reason, detail);
  }

  /** @internal No further request goes on it; it may still have one under way. */
  onConnectionUnusable(connection: PooledConnection): void {
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
      if (connection === undefined || connection.isOpen) return connection;
    }
  }

  /**
   * Uses a connection only after the event loop has read what its peer sent meanwhile: if that is the end of the
   * connection, the request takes another one. One whole turn lies between two immediates.
   */
  private look(connection: PooledConnection, waiter: PoolWaiter): void {
    this.looking.add(waiter);
    setImmediate(() => setImmediate(() => this.looked(connection, waiter)));
  }

  private looked(connection: PooledConnection, waiter: PoolWaiter): void {
    const wanted = this.looking.delete(waiter);
    if (wanted && !connection.isOpen) this.request(waiter);
    else if (wanted && this.attach(connection, waiter)) return;
    else if (connection.isOpen) this.onConnectionFree(connection);
  }

  private nextWaiter(): PoolWaiter | undefined {
    for (const waiter of this.waiting) {
      this.waiting.delete(waiter);
      this.resources.pending--;
      return waiter;
    }
    return undefined;
  }

  /** Whether the connection was used: the limit of active requests may forbid it. */
  private attach(connection: PooledConnection, waiter: PoolWaiter): boolean {
    if (this.resources.requests >= this.resources.maxRequests) {
      this.resources.overflows++;
      waiter.onPoolFailure('overflow', '');
      return false;
    }
    connection.begin(waiter);
    return true;
  }

  private openWhereNeeded(): void {
    while (this.waiting.size > this.connecting) {
      const { connections, maxConnections } = this.resources;
      // A host without any connection gets one beyond the limit, or its requests would wait for ever.
      if (connections >= maxConnections && this.all.size > 0) {
        this.resources.overflows++;
        return;
      }
      const connection = new PooledConnection(this);
      this.all.add(connection);
      this.resources.connections++;
      this.connecting++;
      connection.open();
    }
  }
}
