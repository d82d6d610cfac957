import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import type { HeaderList } from '../http/headers.js';
import type { RequestHead } from '../http/message.js';
import type {
  ClientConnection,
  ClientConnectionEvents,
  ResetReason,
  ResponseHandler,
  UpstreamStream,
} from '../http/stream.js';
import { BodyDecoder, type BodySink, EMPTY } from './body-decoder.js';
import { Http1Error } from './errors.js';
import { Framing } from './fields.js';
import { HeadBuffer } from './head-buffer.js';
import { Output } from './output.js';
import { type ParsedResponse, parseResponseHead } from './response-head.js';
import { chunkStart, fieldLines, LAST_CHUNK } from './serialize.js';

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
export class Http1ClientConnection implements ClientConnection, BodySink {
  readonly maxConcurrent = 1;

  private readState: ReadState = 'idle';
  private readonly output: Output;
  private readonly heads: HeadBuffer;
  private readonly framing = new Framing();
  private readonly body = new BodyDecoder();
  private stream: ClientStream | undefined;
  private waiting: Buffer | undefined;
  private readable = true;
  private reading = false;
  private closeAfter = false;
  private unusable = false;
  private informational = 0;
  private readonly maxHeaders: number;
  private readonly socket: Socket;
  private readonly events: ClientConnectionEvents;

  constructor(socket: Socket, events: ClientConnectionEvents, options: ClientConnectionOptions) {
    this.socket = socket;
    this.events = events;
    this.maxHeaders = options.maxHeaders ?? 100;
    this.heads = new HeadBuffer(options.maxHeadBytes ?? 60 * 1024);
    this.output = new Output(socket);
    // A response may be complete although upstream closed its side, and a tunnel is half-closed by either.
    socket.allowHalfOpen = true;
    socket.on('data', (packet: Buffer) => this.onPacket(packet));
    socket.on('end', () => this.onEnd());
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error: Error) => this.fail('remote-reset', error.message));
    socket.on('close', () => this.fail('remote-reset', 'connection closed'));
  }

  start(handler: ResponseHandler): UpstreamStream {
    if (this.stream !== undefined || this.unusable) throw new Error('start() on a busy or closed connection');
    this.readState = 'head';
    this.informational = 0;
    this.readable = true;
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
    if (this.readable === readable) return;
    this.readable = readable;
    if (!readable) this.socket.pause();
    else this.resumeReading();
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

  private onPacket(packet: Buffer): void {
    if (this.waiting !== undefined) {
      this.waiting = Buffer.concat([this.waiting, packet]);
      this.socket.pause();
    } else {
      this.read(packet);
    }
  }

  private read(packet: Buffer): void {
    this.reading = true;
    let at = 0;
    try {
      while (at < packet.length && this.readable && this.readState !== 'closed') at = this.readSome(packet, at);
    } catch (error) {
      this.reading = false;
      if (!(error instanceof Http1Error)) throw error;
      this.fail('protocol-error', error.details);
      return;
    }
    this.reading = false;
    if (at < packet.length && this.readState !== 'closed') {
      this.waiting = at === 0 ? packet : packet.subarray(at);
      this.socket.pause();
    }
  }

  private readSome(packet: Buffer, at: number): number {
    switch (this.readState) {
      case 'head':
        return this.readHead(packet, at);
      case 'body': {
        const next = this.body.push(packet, at, this);
        if (this.body.done) this.finishResponse();
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
    if (end) this.finishResponse();
  }

  private beginRaw(response: ParsedResponse, stream: ClientStream): void {
    if (response.status === 101 && this.framing.upgrade !== '') {
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
    if (this.readState === 'closed') return;
    this.stream = undefined;
    this.readState = 'idle';
    this.readable = true;
    // A request that is not complete would run into the next one.
    if (this.closeAfter || stream === undefined || !stream.requestEnded) {
      this.close();
      return;
    }
    if (!this.reading) this.resumeReading();
    if (this.socket.isPaused()) this.socket.resume();
    this.events.onAvailable();
  }

  private resumeReading(): void {
    if (this.reading) return;
    const waiting = this.waiting;
    if (waiting !== undefined) {
      this.waiting = undefined;
      this.read(waiting);
    }
    if (this.waiting === undefined && this.readable && this.socket.isPaused()) this.socket.resume();
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
      this.fail('remote-reset', 'connection closed');
    }
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
    this.waiting = undefined;
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

/** How the request body is written; `held` until an upgrade is answered, `off` when nothing more may be sent. */
type WriteState = 'none' | 'length' | 'chunked' | 'held' | 'raw' | 'off';

/** One request. It outlives its turn on the connection harmlessly: calls after the end do nothing. */
class ClientStream implements UpstreamStream {
  requestEnded = false;
  responseEnded = false;
  isHead = false;
  isConnect = false;
  isUpgrade = false;
  private writeState: WriteState = 'none';
  private wantsDrain = false;

  constructor(
    private readonly connection: Http1ClientConnection,
    private readonly output: Output,
    readonly handler: ResponseHandler,
  ) {}

  sendHead(head: RequestHead, end: boolean): void {
    if (this.isOver()) return;
    this.isHead = head.method === 'HEAD';
    this.isConnect = head.method === 'CONNECT';
    this.isUpgrade = !this.isConnect && head.headers.has('upgrade');
    const target = this.isConnect ? head.authority : head.path;
    const framing = this.frame(head, end);
    this.output.text(
      `${head.method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n${fieldLines(head.headers)}${framing}\r\n`,
    );
    if (end) this.requestEnded = true;
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    if (this.isOver()) return true;
    let open = true;
    if (this.writeState === 'chunked') {
      open = this.sendChunk(chunk, end);
    } else if (chunk.length > 0 && this.writeState !== 'off') {
      open = this.output.bytes(chunk);
    }
    if (end) this.finish();
    else if (!open) this.wantsDrain = true;
    return open;
  }

  sendTrailers(trailers: HeaderList): void {
    if (this.isOver()) return;
    if (this.writeState === 'chunked') this.output.text(`0\r\n${fieldLines(trailers)}\r\n`);
    this.finish();
  }

  reset(): void {
    if (this.responseEnded && this.requestEnded) return;
    if (this.writeState === 'off' && this.responseEnded) return;
    const over = this.responseEnded;
    this.requestEnded = true;
    this.responseEnded = true;
    if (!over) this.connection.resetStream();
  }

  setReadable(readable: boolean): void {
    if (!this.responseEnded) this.connection.setReadable(readable);
  }

  drained(): void {
    if (!this.wantsDrain) return;
    this.wantsDrain = false;
    this.handler.onUpstreamDrain();
  }

  startRaw(): void {
    this.writeState = 'raw';
    if (this.requestEnded) this.connection.onRequestEnded();
  }

  /** An upgrade or CONNECT that upstream answered as an ordinary request: no byte of the other protocol may follow. */
  refuseSwitch(): void {
    if (!this.isUpgrade && !this.isConnect) return;
    this.writeState = 'off';
    this.requestEnded = true;
  }

  private frame(head: RequestHead, end: boolean): string {
    if (this.isUpgrade || this.isConnect) {
      this.writeState = 'raw';
      return '';
    }
    if (head.headers.has('content-length')) {
      this.writeState = 'length';
      return '';
    }
    if (end) {
      this.writeState = 'length';
      return expectsBody(head.method) ? 'content-length: 0\r\n' : '';
    }
    this.writeState = 'chunked';
    return 'transfer-encoding: chunked\r\n';
  }

  private sendChunk(chunk: Buffer, end: boolean): boolean {
    if (chunk.length > 0) {
      this.output.text(chunkStart(chunk.length));
      this.output.bytes(chunk);
      this.output.text(end ? `\r\n${LAST_CHUNK}` : '\r\n');
    } else if (end) {
      this.output.text(LAST_CHUNK);
    }
    return !this.output.isBlocked;
  }

  private finish(): void {
    this.requestEnded = true;
    this.connection.onRequestEnded();
  }

  /** Nothing may be written for this request any more: the connection may serve another one. */
  private isOver(): boolean {
    return this.requestEnded || (this.responseEnded && this.writeState !== 'raw');
  }
}

/** Methods whose requests say that their body is empty (RFC 9110 section 8.6). */
function expectsBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}
