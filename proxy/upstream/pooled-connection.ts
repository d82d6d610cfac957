import type { Socket } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';
import type { Sleeper } from '../http/coarse-timers.js';
import type { HttpVersion } from '../http/message.js';
import type { ClientConnection, ClientConnectionEvents } from '../http/stream.js';
import { type PeerInfo, PLAINTEXT_PEER } from '../http/stream-info.js';
import type { ConnectEvents } from './cluster.js';
import type { ConnectionPool, PoolWaiter } from './http-pool.js';

/** A server that closes after this time must not see a request in the same moment: how much earlier we let go, ms. */
const LET_GO_EARLIER_MS = 1000;
/** Idle for longer, a connection may have been closed without our having read it yet. */
const FRESH_MS = 1000;

/** One pooled connection: its limits in time and in requests, and what of it counts against the circuit breakers. */
export class PooledConnection implements ConnectEvents, ClientConnectionEvents, Sleeper {
  /** Kept by the timers. */
  wakeAt = 0;
  peer: PeerInfo = PLAINTEXT_PEER;
  localAddress = '';
  version: HttpVersion = 'HTTP/1.1';
  private codec: ClientConnection | undefined = undefined;
  private socket: Socket | undefined = undefined;
  private readonly pool: ConnectionPool;
  private served = 0;
  /** Requests that count against the limits, and requests that the codec has not done with. */
  private active = 0;
  private running = 0;
  private usable = true;
  /** A request is being broken off, which ends it. */
  private breaking = false;
  /** Connected, but the codec waits for what the peer allows. */
  private greeting = false;
  /** Kept by the pool: whether it is among those that wait for a request. */
  offered = false;
  /** Monotonic ms; infinite is never. */
  private idleUntil = Number.POSITIVE_INFINITY;
  private idleSince = 0;
  private liveUntil = Number.POSITIVE_INFINITY;

  constructor(pool: ConnectionPool) {
    this.pool = pool;
  }

  /** Whether it can take a request. */
  get isOpen(): boolean {
    return this.usable && this.socket?.destroyed === false && !this.socket.readableEnded;
  }

  /** Whether the codec could begin one more. */
  get hasRoom(): boolean {
    return this.usable && this.codec !== undefined && this.running < this.codec.maxConcurrent;
  }

  /** Whether it can carry several requests at once. */
  get isMultiplexed(): boolean {
    return this.codec !== undefined && this.codec.maxConcurrent > 1;
  }

  /** Whether a request may ask for another protocol on it. */
  get takesUpgrades(): boolean {
    return this.codec?.takesUpgrades ?? true;
  }

  /** Whether it has been idle for long. */
  get isStale(): boolean {
    return this.running === 0 && this.pool.deps.clock.monotonic() - this.idleSince > FRESH_MS;
  }

  open(): void {
    const { cluster, host, kind } = this.pool;
    this.socket = cluster.connect(host, this, kind.protocol, undefined, kind.serverName);
  }

  get busy(): boolean {
    return this.active > 0 || this.breaking;
  }

  /** The request under way is going to be broken off: without streams this takes the connection with it. */
  breakOff(): void {
    this.breaking = !this.isMultiplexed;
  }

  /** Begins a request; {@link endRequest} must follow once, however the request ends. */
  begin(waiter: PoolWaiter): void {
    const codec = this.codec;
    if (codec === undefined) return;
    this.active++;
    this.running++;
    this.served++;
    this.idleUntil = Number.POSITIVE_INFINITY;
    this.pool.resources.requests++;
    this.pool.resources.recent?.begin();
    this.pool.host.activeRequests++;
    this.pool.host.stats.total++;
    this.pool.cluster.traffic.requests++;
    const stream = codec.start(waiter);
    const limit = this.pool.cluster.settings.maxRequestsPerConnection;
    waiter.onPoolReady(this, stream);
    if (limit > 0 && this.served >= limit) {
      this.pool.cluster.traffic.fullConnections++;
      this.drain();
    }
  }

  /** The request is over for those who count. */
  endRequest(): void {
    if (this.active === 0) return;
    this.active--;
    this.pool.resources.requests--;
    this.pool.host.activeRequests--;
    if (!this.usable && this.active === 0) this.pool.remove(this);
  }

  /** Takes no further request: closes now when idle, else after the one under way. */
  drain(): void {
    if (this.codec !== undefined && !this.greeting) this.codec.drain();
    else this.usable = false;
  }

  onReady(peer: PeerInfo): void {
    const socket = this.socket;
    if (socket === undefined) return;
    this.peer = peer;
    this.localAddress = joinAddress(socket.localAddress ?? '', socket.localPort ?? 0);
    const { kind, cluster, deps } = this.pool;
    const protocol = kind.protocol !== 'auto' ? kind.protocol : peer.alpn === 'h2' ? 'http2' : 'http1';
    if (protocol === 'http2') this.version = 'HTTP/2';
    if (protocol === 'http2') cluster.traffic.http2Connections++;
    else cluster.traffic.http1Connections++;
    this.codec = deps.createConnection(socket, this, protocol, cluster);
    const { maxConnectionDurationMs } = this.pool.cluster.settings;
    if (maxConnectionDurationMs > 0) {
      this.liveUntil = this.pool.deps.clock.monotonic() + maxConnectionDurationMs;
      this.pool.deps.timers.schedule(this, this.liveUntil);
    }
    if (this.codec.maxConcurrent > 0) this.onGreeted(this.codec);
    else this.greeting = true;
  }

  /** Ready for requests. */
  private onGreeted(codec: ClientConnection): void {
    this.greeting = false;
    const draining = !this.usable;
    this.usable = true;
    this.pool.onConnected(this, codec.maxConcurrent);
    if (draining) codec.drain();
    else if (this.active === 0) this.startIdle();
  }

  onFailed(reason: 'connect-failure' | 'connect-timeout', detail: string): void {
    this.usable = false;
    this.pool.onConnectFailed(this, reason, detail);
  }

  onAvailable(): void {
    if (this.greeting) {
      if (this.codec !== undefined) this.onGreeted(this.codec);
      return;
    }
    this.running--;
    if (!this.usable) return;
    this.pool.onConnectionFree(this);
    if (this.active === 0) this.startIdle();
  }

  onUnusable(): void {
    if (this.greeting) {
      this.greeting = false;
      this.onFailed('connect-failure', 'connection closed');
      return;
    }
    if (!this.usable) return;
    this.usable = false;
    this.pool.deps.timers.cancel(this);
    this.pool.onConnectionUnusable(this);
    if (this.active === 0) this.pool.remove(this);
  }

  onWake(now: number): void {
    if (!this.usable) return;
    if (now >= this.liveUntil || (this.active === 0 && now >= this.idleUntil)) {
      if (now >= this.liveUntil) this.pool.cluster.traffic.oldConnections++;
      else this.pool.cluster.traffic.idleTimeouts++;
      this.codec?.drain();
      return;
    }
    const next = Math.min(this.liveUntil, this.idleUntil);
    if (next !== Number.POSITIVE_INFINITY) this.pool.deps.timers.schedule(this, next);
  }

  private startIdle(): void {
    if (!this.usable) return;
    const now = this.pool.deps.clock.monotonic();
    this.idleSince = now;
    const { idleTimeoutMs } = this.pool.cluster.settings;
    const ours = idleTimeoutMs > 0 ? idleTimeoutMs : Number.POSITIVE_INFINITY;
    const limit = this.codec?.idleLimitMs;
    const theirs = limit === undefined ? Number.POSITIVE_INFINITY : Math.max(limit - LET_GO_EARLIER_MS, limit / 2);
    this.idleUntil = now + Math.min(ours, theirs);
    if (this.idleUntil === Number.POSITIVE_INFINITY) return;
    this.pool.deps.timers.schedule(this, Math.min(this.liveUntil, this.idleUntil));
  }
}
