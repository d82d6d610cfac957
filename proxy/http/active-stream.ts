import type { Random } from '../../common/runtime/clock.js';
import { type BodyFilter, BodyFilters } from '../filters/body-filter.js';
import type { FilterContext, FilterVerdict } from '../filters/filter.js';
import type { RouteEntry } from '../router/route.js';
import { RequestTrace } from '../tracing/request-trace.js';
import type { TracingConfig } from '../tracing/tracer.js';
import { type BodyBeginning, CollectedBody } from './collected-body.js';
import type { ConnectionManager } from './connection-manager.js';
import type { ConnectionManagerConfig } from './connection-manager-config.js';
import { FLAG } from './flags.js';
import { isGrpc, responseGrpcStatus } from './grpc-status.js';
import type { HeaderList } from './headers.js';
import { renderLocalReply } from './local-reply.js';
import type { RequestHead, ResponseHead } from './message.js';
import { prepareResponseHead } from './response-headers.js';
import type { RequestMeta, RequestSink, ResponseSink } from './server-codec.js';
import type { DownstreamStream, LocalReply, RequestHandler } from './stream.js';
import { routeStreamDuration } from './stream-duration.js';
import { StreamInfo } from './stream-info.js';

/** One request on its way through filters and router, and its response on the way back. */
export class ActiveStream implements DownstreamStream, FilterContext, RequestSink {
  readonly info: StreamInfo;
  requestEnded: boolean;
  /** Monotonic ms of the last byte in either direction. */
  lastActivity: number;
  readonly startedAt: number;
  /** Kept by the connection manager: where it stands among the streams; -1 when it is none of them. */
  place = -1;
  readonly upgrade: string;
  responseStarted = false;
  /** Of the whole stream, by its route or the connection manager; 0 is unlimited. */
  maxDurationMs: number;

  private response: ResponseHead | undefined;
  private handler: RequestHandler | undefined;
  private matched: RouteEntry | undefined;
  private routeKnown = false;
  private over = false;
  private responseEnded = false;
  /** A filter takes its time: the body waits, whatever the router wants. */
  private held = false;
  private wantsBody = true;
  private closing = false;
  plainReplies = false;
  trace: RequestTrace | undefined = undefined;
  /** Set when a filter rewrites the bodies of this request. */
  private bodies: BodyFilters | undefined;
  /** Held back for filters that read the body before they decide. */
  private collected: CollectedBody | undefined;
  /** Swallows the body of the response, whose head waits for the end of it. */
  private swallower: BodyFilter | undefined;

  constructor(
    private readonly manager: ConnectionManager,
    /** The configuration that was in force when the request came. */
    readonly config: ConnectionManagerConfig,
    private readonly sink: ResponseSink,
    readonly request: RequestHead,
    meta: RequestMeta,
  ) {
    this.requestEnded = meta.ended;
    this.upgrade = meta.upgrade;
    this.lastActivity = meta.start;
    this.startedAt = meta.start;
    this.maxDurationMs = config.timeouts.maxStreamDurationMs ?? 0;
    const info = new StreamInfo(manager.connection);
    this.info = info;
    info.start = meta.start;
    info.startEpoch = meta.startEpoch;
    if (meta.ended) info.requestEnd = meta.received;
    info.protocol = request.version;
    info.method = request.method;
    info.originalPath = request.path;
    info.path = request.path;
    info.authority = request.authority;
  }

  get random(): Random {
    return this.manager.deps.random;
  }

  get suppressEnvoyHeaders(): boolean {
    return this.config.suppressEnvoyHeaders === true;
  }

  get idleTimeoutMs(): number {
    const action = this.matched?.action;
    return (action?.kind === 'forward' ? action.idleTimeoutMs : undefined) ?? this.config.timeouts.streamIdleMs;
  }

  route(): RouteEntry | undefined {
    if (this.routeKnown) return this.matched;
    this.routeKnown = true;
    const route = this.config.routes.current()?.match(this.request, this);
    if (route !== undefined) {
      this.matched = route;
      this.info.routeName = route.name;
      this.info.routeLabel = route.label ?? '';
      this.info.virtualHost = route.virtualHost;
      const { action } = route;
      this.manager.deps.router.announce?.(this.info, action);
      this.trace?.onRoute(route.decorator, this.request);
      if (action.kind === 'forward')
        this.maxDurationMs = routeStreamDuration(action, this.request) ?? this.maxDurationMs;
    }
    return route;
  }

  bodyBeginning(limit: number): Promise<BodyBeginning> {
    if (this.collected === undefined) {
      this.collected = new CollectedBody();
      if (this.requestEnded) this.collected.ended = true;
    }
    const beginning = this.collected.beginning(limit);
    if (this.collected.isWaitedFor) this.sink.setReadable(true);
    return beginning;
  }

  /** The request is ready for filters: from here on it has a part in a trace. */
  beginTrace(config: TracingConfig): void {
    this.trace = RequestTrace.begin(config, this.request, this.info, this.random);
  }

  clearRoute(): void {
    this.routeKnown = false;
    this.matched = undefined;
    this.info.routeName = '';
    this.info.routeLabel = '';
    this.info.virtualHost = '';
    this.maxDurationMs = this.config.timeouts.maxStreamDurationMs ?? 0;
  }

  /** Runs the request filters from a position on, then the router. A filter that takes its time stops the reading. */
  runFilters(from: number): void {
    const { filters } = this.config;
    for (let i = from; i < filters.length; i++) {
      const verdict = this.runFilter(i);
      if (this.over || this.responseStarted) return;
      if (verdict === undefined) {
        this.startBody(i);
        continue;
      }
      if (verdict instanceof Promise) {
        this.held = true;
        this.sink.setReadable(this.collected?.isWaitedFor === true);
        verdict.then(
          (reply) => this.afterFilter(i, reply),
          (error: unknown) => this.filterFailed(error),
        );
      } else {
        this.answer(i, verdict);
      }
      return;
    }
    const handler = this.manager.deps.router.route(this);
    if (!this.over) this.handler = handler;
  }

  private runFilter(index: number): FilterVerdict {
    const filter = this.config.filters[index];
    try {
      return filter?.onRequest?.(this);
    } catch (error) {
      return this.failure(error);
    }
  }

  private startBody(index: number): void {
    if (this.config.rewritesBodies !== true) return;
    const body = this.config.filters[index]?.startBody?.(this);
    if (body === undefined) return;
    this.bodies ??= new BodyFilters();
    this.bodies.add(body);
  }

  private afterFilter(index: number, reply: LocalReply | undefined): void {
    if (this.over || this.responseStarted) return;
    if (reply !== undefined) this.answer(index, reply);
    else {
      this.startBody(index);
      this.runFilters(index + 1);
      if (this.over || this.handler === undefined) return;
      this.held = false;
      this.releaseBody();
      if (!this.over) this.sink.setReadable(this.wantsBody);
    }
  }

  /** The client learns only that it may not; why is for the logs. */
  private answer(index: number, reply: LocalReply): void {
    if (this.config.filters[index]?.guards === true) {
      const { remoteAddress, peer } = this.info.connection;
      const what = { details: reply.details, from: remoteAddress, peer: peer.uriSan, method: this.request.method };
      this.manager.deps.log.debug(what, 'request refused');
    }
    this.localReply(reply);
  }

  /** What was held back goes on its way. */
  private releaseBody(): void {
    const { collected } = this;
    if (collected === undefined) return;
    this.collected = undefined;
    const { bytes, ended, trailers } = collected;
    if (ended) this.requestEnded = true;
    const last = ended && trailers === undefined;
    if (bytes.length > 0 || last) this.passData(bytes, last);
    if (trailers !== undefined && !this.over) this.handler?.onRequestTrailers(trailers);
  }

  private filterFailed(error: unknown): void {
    if (!this.over && !this.responseStarted) this.localReply(this.failure(error));
  }

  /** A filter with a fault never lets a request pass. */
  private failure(error: unknown): LocalReply {
    this.manager.deps.log.error({ err: error }, 'http filter failed');
    return { status: 500, body: '', details: 'filter_failed', flags: 0 };
  }

  /** As Envoy: swallowed unless `Expect` was passed on, lest a client gets two answers to it. */
  sendInformational(head: ResponseHead): void {
    if (this.over || this.responseStarted || this.config.proxy100Continue !== true) return;
    this.sink.sendInformational(head);
  }

  sendHead(head: ResponseHead, end: boolean): void {
    if (this.over || this.responseStarted) return;
    this.responseStarted = true;
    this.response = head;
    const { info, config } = this;
    info.responseCode = head.status;
    this.manager.stats.completed(head.status);
    const { filters } = config;
    for (let i = filters.length - 1; i >= 0; i--) this.runResponseFilter(i, head);
    if (this.bodies !== undefined && !end) this.swallower = this.bodies.swallower(head);
    if (this.swallower === undefined) this.writeHead(head, end);
  }

  private writeHead(head: ResponseHead, end: boolean): void {
    this.trace?.onResponse(head);
    prepareResponseHead(head, this, this.manager.deps.clock);
    this.sink.sendHead(head, end, this.manager.draining || this.closing);
    if (end) this.endResponse();
  }

  private runResponseFilter(index: number, head: ResponseHead): void {
    try {
      this.config.filters[index]?.onResponse?.(this, head);
    } catch (error) {
      this.manager.deps.log.error({ err: error }, 'http filter failed on a response');
    }
  }

  sendData(data: Buffer, end: boolean): boolean {
    if (this.over) return true;
    if (this.swallower !== undefined) {
      this.swallower.onSwallowed?.(data);
      if (end) this.endSwallowed(this.swallower);
      return true;
    }
    const chunk = this.bodies === undefined ? data : this.bodies.responseData(data, end);
    if (chunk.length === 0 && !end) return true;
    this.info.bytesSent += chunk.length;
    this.lastActivity = this.manager.deps.clock.monotonic();
    const open = this.sink.sendData(chunk, end);
    if (end) this.endResponse(this.lastActivity);
    return open;
  }

  sendTrailers(trailers: HeaderList): void {
    if (this.over) return;
    this.info.trailers = trailers;
    if (this.swallower !== undefined) {
      this.endSwallowed(this.swallower);
      return;
    }
    const data = this.bodies?.responseTrailers(trailers);
    if (data !== undefined) {
      this.info.bytesSent += data.length;
      this.sink.sendData(data, true);
      this.endResponse();
      return;
    }
    this.sink.sendTrailers(trailers);
    this.endResponse();
  }

  private endSwallowed(swallower: BodyFilter): void {
    const head = this.response;
    if (head === undefined) return;
    swallower.afterSwallowed?.(head);
    this.writeHead(head, true);
  }

  /** Answers what is refused before it has a route; nobody looks for one then. */
  refuse(reply: LocalReply): void {
    this.routeKnown = true;
    this.localReply(reply);
  }

  localReply(reply: LocalReply): void {
    if (this.over || this.responseStarted) return;
    this.info.flags |= reply.flags;
    this.info.responseCodeDetails = reply.details;
    this.closing = reply.closes === true;
    const { head, body: text } = renderLocalReply(reply, this.request, this.plainReplies);
    if (reply.asIs !== true && this.matched?.action.kind === 'forward') {
      this.matched.prepareResponse(head, this.info, this.request);
    }
    const body = text === '' || this.request.method === 'HEAD' ? undefined : Buffer.from(text);
    this.sendHead(head, body === undefined);
    if (body !== undefined && !this.over) this.sendData(body, true);
  }

  abort(detail: string): void {
    if (this.over) return;
    if (this.info.responseCodeDetails === '') this.info.responseCodeDetails = detail;
    this.finish();
    this.manager.stats.downstream_rq_tx_reset++;
    this.sink.reset();
  }

  setReadable(readable: boolean): void {
    this.wantsBody = readable;
    if (!this.over && !this.held) this.sink.setReadable(readable);
  }

  onRequestData(received: Buffer, end: boolean): void {
    this.info.bytesReceived += received.length;
    this.lastActivity = this.manager.deps.clock.monotonic();
    if (this.collected !== undefined && !this.over) {
      if (end) this.info.requestEnd = this.lastActivity;
      this.collected.push(received, end);
      if (!this.collected.isWaitedFor) this.sink.setReadable(false);
      return;
    }
    if (end) this.endRequest(this.lastActivity);
    if (!this.over) this.passData(received, end);
  }

  private passData(received: Buffer, end: boolean): void {
    const chunk = this.bodies === undefined ? received : this.bodies.requestData(received, end);
    if (!Buffer.isBuffer(chunk)) {
      this.failWith(chunk);
      return;
    }
    if (chunk.length > 0 || end) this.handler?.onRequestData(chunk, end);
    if (end && this.responseEnded) this.finish();
  }

  onRequestTrailers(trailers: HeaderList): void {
    if (this.collected !== undefined && !this.over) {
      this.info.requestEnd = this.manager.deps.clock.monotonic();
      this.collected.end(trailers);
      return;
    }
    this.endRequest(this.manager.deps.clock.monotonic());
    if (!this.over) this.handler?.onRequestTrailers(trailers);
  }

  private endRequest(now: number): void {
    this.requestEnded = true;
    this.info.requestEnd = now;
  }

  onDownstreamReset(detail: string, protocolError: boolean): void {
    if (this.over) return;
    this.manager.stats.downstream_rq_rx_reset++;
    this.info.flags |= protocolError ? FLAG.DPE : FLAG.DC;
    this.info.responseCodeDetails = detail;
    this.detach(detail);
  }

  onDownstreamDrain(): void {
    if (!this.over) this.handler?.onDownstreamDrain();
  }

  onBodyError(status: number, details: string, flags: number): void {
    this.failWith({ status, body: status === 400 ? 'Bad Request' : '', details, flags });
  }

  /** Answers in the router's place, which learns that the client is gone. After a response head: breaks off. */
  failWith(reply: LocalReply): void {
    if (this.over) return;
    const handler = this.handler;
    this.handler = undefined;
    if (this.responseStarted) {
      this.info.flags |= reply.flags;
      this.info.responseCodeDetails = reply.details;
      this.finish();
      this.sink.reset();
    } else {
      this.localReply(reply);
    }
    handler?.onDownstreamReset(reply.details);
  }

  private detach(detail: string): void {
    const handler = this.handler;
    this.finish();
    handler?.onDownstreamReset(detail);
  }

  private endResponse(now?: number): void {
    this.responseEnded = true;
    // After a switch of protocols the other direction may go on.
    const tunnel = this.upgrade !== '' && !this.requestEnded && this.isSwitched();
    if (!tunnel) this.finish(now);
  }

  private isSwitched(): boolean {
    const status = this.info.responseCode;
    return status === 101 || (this.upgrade === 'connect' && status >= 200 && status < 300);
  }

  /** The client left within the head: that is logged, as with Envoy, but no filter has seen a request. */
  abandon(): void {
    this.over = true;
    this.info.flags |= FLAG.DC;
    this.info.responseCodeDetails = 'downstream_remote_disconnect';
    this.info.requestEnd = -1;
    this.info.end = this.manager.deps.clock.monotonic();
    for (const log of this.config.accessLogs) log.log(this.info, this.request, undefined);
  }

  /** Once: the info is final, logs and filters see it. */
  private finish(now = this.manager.deps.clock.monotonic()): void {
    if (this.over) return;
    this.over = true;
    this.handler = undefined;
    const { info } = this;
    info.end = now;
    if (isGrpc(this.request)) {
      info.grpcStatus = responseGrpcStatus(info.trailers, this.response?.headers, info.responseCode);
    }
    this.manager.onStreamFinished(this);
    const { filters, accessLogs } = this.config;
    try {
      this.bodies?.complete();
      for (const filter of filters) filter.onComplete?.(this);
      this.trace?.finish(info, this.request, this.response);
      for (const log of accessLogs) log.log(this.info, this.request, this.response);
    } catch (error) {
      this.manager.deps.log.error({ err: error }, 'access log failed');
    }
  }
}
