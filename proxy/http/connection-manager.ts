import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Random } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import { Http1ServerConnection } from '../http1/server-connection.js';
import { Http2ServerConnection } from '../http2/server-connection.js';
import { ActiveStream } from './active-stream.js';
import type { CoarseTimers, Sleeper } from './coarse-timers.js';
import type { ConnectionManagerConfig } from './connection-manager-config.js';
import { DownstreamStats, type DownstreamStatsTable } from './downstream-stats.js';
import { FLAG } from './flags.js';
import { HeaderList } from './headers.js';
import type { RequestHead } from './message.js';
import { checkRequest, prepareRequest } from './request-headers.js';
import type { RequestMeta, RequestReceiver, RequestSink, ResponseSink, ServerCodec } from './server-codec.js';
import type { LocalReply, Router } from './stream.js';
import type { ConnectionInfo } from './stream-info.js';

/** A value that configuration changes replace; a request keeps what it started with. */
export interface LiveConfig<T> {
  current: T;
}

export interface HttpConnectionDeps {
  readonly router: Router;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** One for all connections of the process. */
  readonly timers: CoarseTimers;
  /** Where all connections of the process count. */
  readonly stats?: DownstreamStatsTable;
  /** Counts what happens on HTTP/2 connections, by Envoy's names below `http2.`. */
  readonly countHttp2?: (name: string) => void;
  onClosed?(): void;
}

export type ServerProtocol = 'http1' | 'http2';

/** What the listener holds of a connection that it handed over. */
export interface HttpServerConnection {
  /** Finishes requests under way, tells the client, then closes; an idle connection closes now. */
  drain(): void;
  destroy(): void;
  readonly activeRequests: number;
}

/**
 * Serves HTTP on an accepted socket, handshaken already if it is TLS. Bytes that were sniffed must have been
 * unshifted. Each request takes the configuration that is current when its head is complete.
 */
export function serveHttp(
  socket: Socket,
  connection: ConnectionInfo,
  live: LiveConfig<ConnectionManagerConfig>,
  deps: HttpConnectionDeps,
  protocol: ServerProtocol = 'http1',
): HttpServerConnection {
  return new ConnectionManager(socket, connection, live, deps, protocol);
}

/** Envoy's HTTP connection manager for one connection. */
export class ConnectionManager implements RequestReceiver, HttpServerConnection, Sleeper {
  wakeAt = 0;
  draining = false;

  /** Each knows its place. */
  private readonly streams: ActiveStream[] = [];
  /** Monotonic ms at which the last request was over. */
  private lastEnd = 0;
  private readonly codec: ServerCodec;
  /** @internal */
  readonly stats: DownstreamStats;
  private readonly openedAt: number;
  private closed = false;
  private requests = 0;

  constructor(
    socket: Socket,
    readonly connection: ConnectionInfo,
    private readonly live: LiveConfig<ConnectionManagerConfig>,
    readonly deps: HttpConnectionDeps,
    protocol: ServerProtocol,
  ) {
    socket.setNoDelay(true);
    this.stats = deps.stats?.of(live.current.statPrefix) ?? new DownstreamStats();
    this.stats.downstream_cx_total++;
    this.stats.downstream_cx_active++;
    this.stats.follow(socket, () => this.streams.length > 0);
    if (protocol === 'http1') this.stats.downstream_cx_http1_total++;
    else this.stats.downstream_cx_http2_total++;
    this.codec = this.createCodec(socket, protocol);
    this.openedAt = deps.clock.monotonic();
    this.scheduleWake(this.openedAt);
  }

  private createCodec(socket: Socket, protocol: ServerProtocol): ServerCodec {
    const { deps } = this;
    const config = this.live.current;
    const options = {
      clock: deps.clock,
      secure: this.connection.peer.tlsVersion !== undefined,
      maxHeadBytes: config.maxRequestHeadBytes,
      maxHeaders: config.maxRequestHeaders,
    };
    if (protocol === 'http1') {
      return new Http1ServerConnection(socket, this, { ...options, acceptHttp10: config.http10.accept });
    }
    const { http2, timeouts } = config;
    return new Http2ServerConnection(socket, this, {
      ...options,
      random: deps.random,
      count: deps.countHttp2 ?? ignore,
      ...(http2 !== undefined && { settings: http2 }),
      // As Envoy: an answer that is complete here and does not flow is idle.
      ...(timeouts.streamIdleMs > 0 && { stallMs: timeouts.streamIdleMs }),
    });
  }

  get activeRequests(): number {
    return this.streams.length;
  }

  drain(): void {
    this.draining = true;
    this.codec.closeWhenIdle();
  }

  destroy(): void {
    this.codec.destroy();
  }

  onRequest(sink: ResponseSink, request: RequestHead, meta: RequestMeta): RequestSink {
    const config = this.live.current;
    const stream = new ActiveStream(this, config, sink, request, meta);
    this.begin(stream);
    const most = config.maxRequestsPerConnection ?? 0;
    if (most > 0 && ++this.requests >= most) this.codec.closeWhenIdle();
    const refusal = checkRequest(stream, meta);
    if (refusal !== undefined) {
      if (refusal.status === 400) this.codec.closeAfterRefusal();
      stream.refuse(refusal);
      return stream;
    }
    if (meta.expectContinue) this.answerExpectation(sink, stream);
    prepareRequest(stream, this.connection);
    if (config.tracing !== undefined) stream.beginTrace(config.tracing);
    if (meta.upgrade !== '' && !upgradeAllowed(stream)) {
      this.codec.closeAfterRefusal();
      const action = stream.route()?.action;
      if (action?.kind === 'forward') stream.info.clusterName = action.clusterName ?? '';
      stream.localReply({ status: 403, body: '', details: 'upgrade_failed', flags: 0 });
      return stream;
    }
    stream.runFilters(0);
    if (stream.place >= 0) this.scheduleFor(stream, meta.start);
    return stream;
  }

  private begin(stream: ActiveStream): void {
    stream.place = this.streams.push(stream) - 1;
    const { stats } = this;
    stats.downstream_rq_total++;
    stats.downstream_rq_active++;
    if (stream.request.version === 'HTTP/2') stats.downstream_rq_http2_total++;
    else stats.downstream_rq_http1_total++;
  }

  private answerExpectation(sink: ResponseSink, stream: ActiveStream): void {
    if (stream.config.proxy100Continue === true) stream.request.headers.append('expect', '100-continue');
    else sink.sendInformational({ status: 100, reason: '', headers: new HeaderList() });
  }

  onBadHead(sink: ResponseSink, meta: RequestMeta, status: number, details: string, flags: number): RequestSink {
    const stream = new ActiveStream(this, this.live.current, sink, unreadHead(), meta);
    this.begin(stream);
    if (status === 408) this.stats.downstream_rq_header_timeout++;
    stream.localReply({
      status,
      body: status === 408 ? 'request header timeout' : (STATUS_CODES[status] ?? ''),
      details,
      flags,
    });
    return stream;
  }

  onHeadAbandoned(sink: ResponseSink, meta: RequestMeta): void {
    new ActiveStream(this, this.live.current, sink, unreadHead(), meta).abandon();
  }

  onHeadStarted(): void {
    this.scheduleWake(this.codec.headStart);
  }

  onConnectionClosed(): void {
    if (this.closed) return;
    this.closed = true;
    this.stats.downstream_cx_active--;
    this.stats.downstream_cx_destroy++;
    this.deps.timers.cancel(this);
    this.deps.onClosed?.();
  }

  /** @internal */
  onStreamFinished(stream: ActiveStream): void {
    const { streams } = this;
    const { place } = stream;
    if (place < 0) return;
    stream.place = -1;
    const last = streams.pop();
    if (last !== undefined && last !== stream) {
      streams[place] = last;
      last.place = place;
    }
    this.lastEnd = stream.info.end;
    this.stats.downstream_rq_active--;
  }

  onWake(now: number): void {
    if (this.closed) return;
    const { timeouts } = this.live.current;
    const { streams, codec } = this;
    for (const stream of [...streams]) this.checkStream(stream, now);
    if (codec.inHead && isPast(now, codec.headStart, timeouts.requestHeadersMs)) {
      codec.failHead(408, 'request_header_timeout');
    } else if (isPast(now, this.lastActivity, timeouts.idleMs)) {
      if (codec.idle) {
        this.stats.downstream_cx_idle_timeout++;
        codec.closeWhenIdle();
      }
      // Nobody else ends it: a head that stops halfway would hold its connection for ever.
      else if (codec.inHead) codec.failHead(408, 'request_header_timeout');
    }
    if (isPast(now, this.openedAt, timeouts.maxConnectionDurationMs)) this.drain();
    if (!this.closed) this.scheduleWake(now);
  }

  private checkStream(stream: ActiveStream, now: number): void {
    const { requestMs } = stream.config.timeouts;
    if (!stream.requestEnded && stream.upgrade === '' && isPast(now, stream.startedAt, requestMs)) {
      this.stats.downstream_rq_timeout++;
      stream.failWith(timeoutReply('request timeout', 'request_overall_timeout', 0));
    } else if (isPast(now, stream.startedAt, stream.maxDurationMs)) {
      this.stats.downstream_rq_max_duration_reached++;
      const status = stream.requestEnded ? 504 : 408;
      const reply = { body: 'downstream duration timeout', details: 'max_duration_timeout', flags: 0 };
      stream.failWith({ ...reply, status, grpcStatus: DEADLINE_EXCEEDED });
    } else if (isPast(now, stream.lastActivity, stream.idleTimeoutMs)) {
      this.stats.downstream_rq_idle_timeout++;
      const status = stream.requestEnded ? 504 : 408;
      stream.failWith({ status, body: 'stream timeout', details: 'stream_idle_timeout', flags: FLAG.SI });
    }
  }

  private get lastActivity(): number {
    return Math.max(this.codec.lastActivity, this.lastEnd);
  }

  /** The earliest time at which something may be due; deadlines that moved away are found when it comes. */
  private scheduleWake(now: number): void {
    const { timeouts } = this.live.current;
    const { streams, codec } = this;
    for (const stream of streams) this.scheduleFor(stream, now);
    if (codec.inHead) this.wakeAfter(codec.headStart, timeouts.requestHeadersMs, now);
    if (streams.length === 0) this.wakeAfter(this.lastActivity, timeouts.idleMs, now);
    if (!this.draining) this.wakeAfter(this.openedAt, timeouts.maxConnectionDurationMs, now);
  }

  private scheduleFor(stream: ActiveStream, now: number): void {
    this.wakeAfter(stream.lastActivity, stream.idleTimeoutMs, now);
    this.wakeAfter(stream.startedAt, stream.maxDurationMs, now);
    if (!stream.requestEnded) this.wakeAfter(stream.startedAt, stream.config.timeouts.requestMs, now);
  }

  private wakeAfter(from: number, ms: number, now: number): void {
    if (ms > 0) this.deps.timers.schedule(this, Math.max(from + ms, now + 1));
  }
}

/** grpc-status of a stream that took too long. */
const DEADLINE_EXCEEDED = 4;

function ignore(): void {}

/** What stands for a request of which nothing is known. */
function unreadHead(): RequestHead {
  return { method: '', path: '', authority: '', scheme: 'http', version: 'HTTP/1.1', headers: new HeaderList() };
}

function isPast(now: number, from: number, ms: number): boolean {
  return ms > 0 && now >= from + ms;
}

function timeoutReply(body: string, details: string, flags: number): LocalReply {
  return { status: 408, body, details, flags };
}

/** The route decides before the connection manager's list. */
function upgradeAllowed(stream: ActiveStream): boolean {
  const { upgrade } = stream;
  const route = stream.route();
  // The router answers that there is none.
  if (route === undefined) return true;
  const { action } = route;
  if (action.kind === 'forward') {
    const byRoute = action.upgrades.get(upgrade === 'connect' ? 'CONNECT' : upgrade) ?? action.upgrades.get(upgrade);
    if (byRoute !== undefined) return byRoute;
  }
  return stream.config.upgrades.has(upgrade);
}
