import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import type { HeaderList } from '../http/headers.js';
import { readPackets } from '../http/read-packets.js';
import type {
  ClientConnection,
  ClientConnectionEvents,
  ResetReason,
  ResponseHandler,
  UpstreamStream,
} from '../http/stream.js';
import { BodyDecoder, type BodySink, EMPTY } from './body-decoder.js';
import { ClientStream, type StreamOwner } from './client-stream.js';
import { Http1Error } from './errors.js';
import { Framing, keepAliveMs } from './fields.js';
import { HeadBuffer } from './head-buffer.js';
import { Output } from './output.js';
import { type PacketConsumer, PacketReader } from './packet-reader.js';
import { type ParsedResponse, parseResponseHead } from './response-head.js';

export interface ClientConnectionOptions {
  readonly clock: Clock;
  /** Of a response head, bytes; default 60 KiB. */
  readonly maxHeadBytes?: number;
  /** Default 100. */
  readonly maxHeaders?: number;
}

/** 1xx heads that one response may be preceded by. */
const MAX_INFORMATIONAL = 16;

/** What comes next from upstream. `raw`: both sides speak another protocol, after 101 or CONNECT. */
type ReadState = 'idle' | 'head' | 'body' | 'raw' | 'closed';

/** The upstream side of HTTP/1: one request at a time on one socket. */
export class Http1ClientConnection implements ClientConnection, BodySink, StreamOwner, PacketConsumer {
  readonly maxConcurrent = 1;
  idleLimitMs: number | undefined = undefined;

  private readState: ReadState = 'idle';
  private readonly output: Output;
  private readonly heads: HeadBuffer;
  private readonly framing = new Framing();
  private readonly body = new BodyDecoder();
  private stream: ClientStream | undefined;
  private readonly packets: PacketReader;
  private closeAfter = false;
  private unusable = false;
  /** The response is complete, its connection not yet free: that waits for the end of the packet. */
  private responseDone = false;
  private informational = 0;
  /** What `idleLimitMs` was read from. */
  private keepAlive = '';
  private readonly maxHeaders: number;
  private readonly socket: Socket;
  private readonly events: ClientConnectionEvents;

  constructor(socket: Socket, events: ClientConnectionEvents, options: ClientConnectionOptions) {
    this.socket = socket;
    this.events = events;
    this.maxHeaders = options.maxHeaders ?? 100;
    this.heads = new HeadBuffer(options.maxHeadBytes ?? 60 * 1024);
    this.output = new Output(socket);
    this.packets = new PacketReader(socket, this);
    // A response may be complete although upstream closed its side, and a tunnel is half-closed by either.
    socket.allowHalfOpen = true;
    readPackets(socket, (packet) => this.packets.push(packet));
    if (socket.isPaused()) socket.resume();
    socket.on('end', () => this.onEnd());
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error: Error) => this.fail(this.endReason, error.message));
    socket.on('close', () => this.fail(this.endReason, 'connection closed'));
  }

  start(handler: ResponseHandler): UpstreamStream {
    if (this.stream !== undefined || this.unusable) throw new Error('start() on a busy or closed connection');
    this.readState = 'head';
    this.informational = 0;
    this.packets.readable = true;
    const stream = new ClientStream(this, this.output, handler);
    this.stream = stream;
    return stream;
  }

  drain(): void {
    this.closeAfter = true;
    this.markUnusable();
    if (this.stream === undefined) this.close();
  }

  destroy(): void {
    this.fail('local-reset', 'destroyed');
  }

  /** @internal The stream gave up: what is on the wire cannot be taken back, so the connection goes with it. */
  resetStream(): void {
    this.stream = undefined;
    this.close();
  }

  /** @internal */
  setReadable(readable: boolean): void {
    this.packets.setReadable(readable);
  }

  /** @internal */
  onRequestEnded(): void {
    if (this.readState === 'raw') this.output.end();
  }

  /** @internal */
  onBody(chunk: Buffer, end: boolean): void {
    const stream = this.stream;
    if (stream === undefined) return;
    if (end) stream.responseEnded = true;
    stream.handler.onResponseData(chunk, end);
  }

  /** @internal */
  onTrailers(trailers: HeaderList): void {
    const stream = this.stream;
    if (stream === undefined) return;
    stream.responseEnded = true;
    stream.handler.onResponseTrailers(trailers);
  }

  /** @internal */
  get takesBytes(): boolean {
    return this.packets.readable && !this.responseDone && this.readState !== 'closed';
  }

  /** @internal */
  onBroken(error: Http1Error): void {
    this.fail('protocol-error', error.details);
  }

  /** @internal */
  afterPacket(left: boolean): boolean {
    if (!this.responseDone) return this.readState !== 'closed';
    // Bytes behind a response must never be taken for the answer to the next request.
    if (left) this.closeAfter = true;
    this.finishResponse();
    return false;
  }

  /** @internal */
  readSome(packet: Buffer, at: number): number {
    switch (this.readState) {
      case 'head':
        return this.readHead(packet, at);
      case 'body': {
        const next = this.body.push(packet, at, this);
        this.responseDone = this.body.done;
        return next;
      }
      case 'raw':
        this.stream?.handler.onResponseData(at === 0 ? packet : packet.subarray(at), false);
        return packet.length;
      case 'idle':
        // Nobody asked: an answer to nothing could be taken for the answer to the next request.
        this.close();
        return packet.length;
      case 'closed':
        return packet.length;
    }
  }

  private readHead(packet: Buffer, at: number): number {
    const text = this.heads.take(packet, at);
    if (text === undefined) return packet.length;
    const next = this.heads.next;
    const response = parseResponseHead(text, this.framing, this.maxHeaders);
    const stream = this.stream;
    if (stream === undefined) return next;
    if (response.status < 200 && response.status !== 101) {
      if (++this.informational > MAX_INFORMATIONAL) throw new Http1Error(502, 'http1.too_many_1xx');
      stream.handler.onInformational(response);
      return next;
    }
    this.beginResponse(response, stream);
    return next;
  }

  private beginResponse(response: ParsedResponse, stream: ClientStream): void {
    const framing = this.framing;
    const { status } = response;
    if (framing.hasOption('close') || (response.http10 && !framing.hasOption('keep-alive'))) this.closeAfter = true;
    if (framing.keepAlive !== this.keepAlive) {
      this.keepAlive = framing.keepAlive;
      this.idleLimitMs = keepAliveMs(framing.keepAlive);
    }
    if (status === 101 && !stream.isUpgrade) throw new Http1Error(502, 'http1.unexpected_101');
    if (status === 101 || (stream.isConnect && status >= 200 && status < 300)) {
      this.beginRaw(response, stream);
      return;
    }
    stream.refuseSwitch();
    if (stream.isHead || status === 204 || status === 304) this.body.startNone();
    else if (framing.chunked) this.body.startChunked();
    else if (framing.contentLength >= 0) this.body.startLength(framing.contentLength);
    else {
      this.body.startUntilClose();
      this.closeAfter = true;
    }
    const end = this.body.done;
    this.readState = 'body';
    if (end) stream.responseEnded = true;
    stream.handler.onResponseHead(response, end);
    this.responseDone = end;
  }

  private beginRaw(response: ParsedResponse, stream: ClientStream): void {
    if (response.status === 101 && this.framing.upgrade !== '') {
      response.headers.appendKnown('connection', 'connection', this.framing.connection);
      response.headers.appendKnown('upgrade', 'upgrade', this.framing.upgrade);
    }
    this.readState = 'raw';
    this.closeAfter = true;
    this.markUnusable();
    stream.startRaw();
    stream.handler.onResponseHead(response, false);
  }

  private finishResponse(): void {
    const stream = this.stream;
    this.responseDone = false;
    if (this.readState === 'closed') return;
    this.stream = undefined;
    this.readState = 'idle';
    this.packets.readable = true;
    // A request that is not complete would run into the next one.
    if (this.closeAfter || stream === undefined || !stream.requestEnded) {
      this.close();
      return;
    }
    this.packets.resume();
    this.packets.flow();
    this.events.onAvailable();
  }

  private onEnd(): void {
    if (this.readState === 'body' && this.body.untilClose) {
      this.body.startNone();
      this.onBody(EMPTY, true);
      this.finishResponse();
    } else if (this.readState === 'raw') {
      const stream = this.stream;
      if (stream === undefined || stream.responseEnded) return;
      stream.responseEnded = true;
      stream.handler.onResponseData(EMPTY, true);
      if (stream.requestEnded) this.close();
    } else {
      this.fail(this.endReason, 'connection closed');
    }
  }

  /** As Envoy: the end of the connection within a message is a breach of HTTP, before one it is only an end. */
  private get endReason(): ResetReason {
    const within = this.readState === 'body' || (this.readState === 'head' && this.heads.started);
    return within && !this.responseDone ? 'protocol-error' : 'remote-reset';
  }

  private onDrain(): void {
    this.output.drained();
    this.stream?.drained();
  }

  private fail(reason: ResetReason, detail: string): void {
    const stream = this.stream;
    this.stream = undefined;
    this.close();
    if (stream === undefined || (stream.responseEnded && stream.requestEnded)) return;
    stream.handler.onUpstreamReset(reason, detail);
  }

  private close(): void {
    if (this.readState === 'closed') return;
    this.readState = 'closed';
    this.packets.drop();
    this.output.flush();
    this.socket.destroy();
    this.markUnusable();
  }

  private markUnusable(): void {
    if (this.unusable) return;
    this.unusable = true;
    this.events.onUnusable();
  }
}
