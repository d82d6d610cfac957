import type { Socket } from 'node:net';
import type { Timer } from '../../common/runtime/clock.js';
import type { HeaderList } from '../http/headers.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import { readPackets } from '../http/read-packets.js';
import type { RequestMeta, RequestReceiver, RequestSink, ResponseSink, ServerCodec } from '../http/server-codec.js';
import { BodyDecoder, type BodySink, EMPTY } from './body-decoder.js';
import { CR, LF } from './chars.js';
import { badMessage, type Http1Error, lowVersion } from './errors.js';
import { Framing } from './fields.js';
import { HeadBuffer } from './head-buffer.js';
import { Output } from './output.js';
import { type PacketConsumer, PacketReader } from './packet-reader.js';
import { parseRequestHead } from './request-head.js';
import { ResponseWriter } from './response-writer.js';
import type { ServerConnectionOptions } from './server-options.js';
import { upgradeType } from './upgrade.js';

/**
 * What the connection expects to read next. `answer`: the request is complete and the next one waits for the
 * response; `switch`: an upgrade or CONNECT was asked for, bytes wait for the decision; `drain`: bytes are thrown away.
 */
type ReadState = 'head' | 'body' | 'answer' | 'switch' | 'raw' | 'drain' | 'closed';

/** After the last byte was sent, the client has this long to close its side, so that no RST destroys the answer. */
const LINGER_MS = 1000;
/** A client that closed its side while an answer is awaited may be gone altogether; TCP does not tell which. */
const HALF_CLOSED_WAIT_MS = 1000;

/** The downstream side of HTTP/1: bytes of a socket to requests, in order, and responses back to bytes. */
export class Http1ServerConnection implements ResponseSink, BodySink, ServerCodec, PacketConsumer {
  /** Monotonic ms of the last byte that came or left late, and of the first byte of the head that is coming. */
  lastActivity: number;
  headStart = 0;

  private readState: ReadState = 'head';
  private readonly writer: ResponseWriter;
  private readonly output: Output;
  private readonly heads: HeadBuffer;
  private readonly framing = new Framing();
  private readonly body = new BodyDecoder();
  private sink: RequestSink | undefined;
  private readonly packets: PacketReader;
  /** The CR of an empty line before a request line has come, its LF not yet. */
  private inEmptyLine = false;
  private peerEnded = false;
  private wantsDrain = false;
  private closeAfter = false;
  private http10 = false;
  private isHead = false;
  private isConnect = false;
  private rawOutEnded = false;
  private epoch = 0;
  /** Counts finished requests, so that one that finished while it began is noticed. */
  private serial = 0;
  private lingerTimer: Timer | undefined;
  private halfClosedTimer: Timer | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly receiver: RequestReceiver,
    private readonly options: ServerConnectionOptions,
  ) {
    this.output = new Output(socket);
    this.packets = new PacketReader(socket, this);
    this.writer = new ResponseWriter(this.output);
    this.heads = new HeadBuffer(options.maxHeadBytes);
    this.lastActivity = options.clock.monotonic();
    // A client may close its sending side and still wait for the answer.
    socket.allowHalfOpen = true;
    readPackets(socket, (packet) => this.onPacket(packet));
    socket.on('end', () => this.onEnd());
    socket.on('drain', () => this.onDrain());
    socket.on('error', () => undefined);
    socket.on('close', () => this.onClose());
    // Whoever sniffed the first bytes may have paused it.
    if (socket.isPaused()) socket.resume();
    if (socket.destroyed) process.nextTick(() => this.onClose());
  }

  /** Neither a request under way nor a part of the next one. */
  get idle(): boolean {
    return this.readState === 'head' && !this.heads.started && !this.packets.hasMore;
  }

  /** Whether a head has begun and is not complete. */
  get inHead(): boolean {
    return this.readState === 'head' && this.heads.started;
  }

  /** Ends the connection with the running response, at once without one. */
  closeWhenIdle(): void {
    this.closeAfter = true;
    if (this.idle) this.closeGently();
  }

  /** Ends the connection with the response that is about to be sent. */
  closeAfterRefusal(): void {
    this.closeAfter = true;
  }

  destroy(): void {
    this.socket.destroy();
    this.onClose();
  }

  /** Ends a head that did not come in time: the receiver answers it. */
  failHead(status: number, details: string): void {
    if (this.inHead) this.refuseHead(status, details, 0);
  }

  sendInformational(head: ResponseHead): void {
    if (!this.http10) this.writer.informational(head);
  }

  sendHead(head: ResponseHead, end: boolean, close: boolean): void {
    if (this.readState === 'switch') this.decideSwitch(head.status, end);
    if (this.readState === 'raw') {
      this.writer.rawHead(head);
      this.resumeReading();
      return;
    }
    // An answer before the end of the request ends the connection, as with Envoy: the rest may never come.
    if (close || this.readState === 'body' || this.writer.needsClose(head, end, this.http10, this.isHead))
      this.closeAfter = true;
    const connection = this.closeAfter ? 'close' : this.http10 ? 'keep-alive' : '';
    this.writer.head(head, end, this.http10, this.isHead, connection);
    if (end) this.finishResponse();
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    const open = this.writer.data(chunk, end);
    if (end) this.finishResponse();
    else if (!open) this.wantsDrain = true;
    return open;
  }

  sendTrailers(trailers: HeaderList): void {
    this.writer.trailers(trailers);
    this.finishResponse();
  }

  reset(): void {
    this.sink = undefined;
    this.output.flush();
    this.destroy();
  }

  setReadable(readable: boolean): void {
    this.packets.setReadable(readable);
    this.closeIfAbandoned();
  }

  onBody(chunk: Buffer, end: boolean): void {
    if (end) this.readState = 'answer';
    this.sink?.onRequestData(chunk, end);
  }

  onTrailers(trailers: HeaderList): void {
    this.readState = 'answer';
    this.sink?.onRequestTrailers(trailers);
  }

  private onPacket(packet: Buffer): void {
    this.lastActivity = this.options.clock.monotonic();
    this.packets.push(packet);
  }

  get takesBytes(): boolean {
    const wanted = this.packets.readable || this.readState === 'drain';
    return wanted && this.readState !== 'answer' && this.readState !== 'switch';
  }

  onBroken(error: Http1Error): void {
    this.refuse(error);
  }

  afterPacket(left: boolean): boolean {
    if (!left && this.peerEnded && this.readState === 'head' && !this.heads.started) this.closeGently();
    return this.readState !== 'closed';
  }

  readSome(packet: Buffer, at: number): number {
    switch (this.readState) {
      case 'head':
        return this.readHead(packet, at);
      case 'body':
        return this.body.push(packet, at, this);
      case 'raw':
        this.sink?.onRequestData(at === 0 ? packet : packet.subarray(at), false);
        return packet.length;
      default:
        return packet.length;
    }
  }

  private readHead(packet: Buffer, offset: number): number {
    let at = offset;
    if (!this.heads.started) {
      at = this.skipEmptyLines(packet, at);
      if (at >= packet.length) return at;
      this.headStart = this.lastActivity;
      this.epoch = this.options.clock.now();
    }
    const begun = this.heads.started;
    const text = this.heads.take(packet, at);
    if (text === undefined) {
      if (!begun) this.receiver.onHeadStarted();
      return packet.length;
    }
    const next = this.heads.next;
    const request = parseRequestHead(text, this.framing, this.options.maxHeaders, this.options.secure);
    if (request.version === 'HTTP/1.0' && !this.options.acceptHttp10) throw lowVersion();
    this.begin(request);
    return next;
  }

  /** Empty lines before a request line are ignored (RFC 9112 section 2.2), also one that comes in two packets. */
  private skipEmptyLines(packet: Buffer, offset: number): number {
    let at = offset;
    if (this.inEmptyLine) {
      if (packet[at++] !== LF) throw badMessage();
      this.inEmptyLine = false;
    }
    while (packet[at] === CR && packet[at + 1] === LF) at += 2;
    if (packet[at] !== CR || at + 1 < packet.length) return at;
    this.inEmptyLine = true;
    return at + 1;
  }

  private begin(request: RequestHead): void {
    const framing = this.framing;
    this.http10 = request.version === 'HTTP/1.0';
    this.isHead = request.method === 'HEAD';
    this.isConnect = request.method === 'CONNECT';
    if (framing.hasOption('close') || (this.http10 && !framing.hasOption('keep-alive'))) this.closeAfter = true;
    const upgrade = this.isConnect ? 'connect' : upgradeType(request, framing);
    if (upgrade !== '') {
      this.readState = 'switch';
    } else if (framing.chunked || framing.contentLength > 0) {
      if (framing.chunked) this.body.startChunked();
      else this.body.startLength(framing.contentLength);
      this.readState = 'body';
    } else {
      this.readState = 'answer';
    }
    const serial = this.serial;
    const sink = this.receiver.onRequest(this, request, this.meta(this.readState === 'answer', upgrade));
    // An answer that was complete at once has moved the connection on already.
    if (serial === this.serial) this.sink = sink;
  }

  private meta(ended: boolean, upgrade: string): RequestMeta {
    return {
      ended,
      upgrade,
      expectContinue: this.framing.expectContinue && !this.http10,
      hasHost: this.framing.host !== undefined,
      start: this.headStart,
      startEpoch: this.epoch,
      received: this.lastActivity,
    };
  }

  private abandonHead(): void {
    if (!this.inHead) return;
    this.framing.reset();
    this.receiver.onHeadAbandoned(this, this.meta(true, ''));
  }

  private refuse(error: Http1Error): void {
    if (this.readState === 'head') {
      this.refuseHead(error.status, error.details, error.flags);
      return;
    }
    this.readState = 'drain';
    this.closeAfter = true;
    const sink = this.sink;
    if (!this.writer.started) sink?.onBodyError(error.status, error.details, error.flags);
    else {
      this.sink = undefined;
      sink?.onDownstreamReset(error.details, true);
      this.destroy();
    }
  }

  private refuseHead(status: number, details: string, flags: number): void {
    this.framing.reset();
    this.http10 = false;
    this.isHead = false;
    this.readState = 'drain';
    this.closeAfter = true;
    const serial = this.serial;
    const sink = this.receiver.onBadHead(this, this.meta(true, ''), status, details, flags);
    if (serial === this.serial) this.sink = sink;
  }

  private decideSwitch(status: number, end: boolean): void {
    const accepted = this.isConnect ? status >= 200 && status < 300 : status === 101;
    this.readState = accepted && !end ? 'raw' : 'answer';
    // What the client sent behind its request may be the other protocol.
    if (!accepted) this.closeAfter = true;
  }

  private finishResponse(): void {
    if (this.writer.raw) {
      this.output.end();
      this.rawOutEnded = true;
      if (this.peerEnded) this.forget();
      return;
    }
    this.forget();
    this.writer.reset();
    this.packets.readable = true;
    if (this.closeAfter || this.readState === 'body' || this.readState === 'drain') {
      this.closeGently();
      return;
    }
    this.readState = 'head';
    this.resumeReading();
  }

  private forget(): void {
    this.serial++;
    this.sink = undefined;
    this.wantsDrain = false;
    this.halfClosedTimer?.cancel();
  }

  private resumeReading(): void {
    this.packets.resume();
    this.closeIfAbandoned();
  }

  /** The client has closed its side, and all that it asked for is answered. */
  private closeIfAbandoned(): void {
    if (this.peerEnded && this.idle) this.closeGently();
  }

  private closeGently(): void {
    if (this.readState === 'closed') return;
    this.readState = 'drain';
    this.packets.drop();
    this.output.end();
    this.packets.readable = true;
    this.packets.flow();
    this.lingerTimer ??= this.options.clock.after(LINGER_MS, () => this.destroy());
  }

  private onEnd(): void {
    this.peerEnded = true;
    switch (this.readState) {
      case 'head':
      case 'drain':
        this.abandonHead();
        if (this.sink === undefined) this.closeGently();
        return;
      case 'body':
        this.destroy();
        return;
      case 'answer':
      case 'switch':
        if (this.writer.started) return;
        this.halfClosedTimer = this.options.clock.after(HALF_CLOSED_WAIT_MS, () => {
          if (!this.writer.started) this.destroy();
        });
        return;
      case 'raw': {
        const sink = this.sink;
        if (this.rawOutEnded) this.forget();
        sink?.onRequestData(EMPTY, true);
        return;
      }
    }
  }

  private onDrain(): void {
    this.output.drained();
    this.lastActivity = this.options.clock.monotonic();
    if (!this.wantsDrain) return;
    this.wantsDrain = false;
    this.sink?.onDownstreamDrain();
  }

  private onClose(): void {
    if (this.readState === 'closed') return;
    this.abandonHead();
    this.readState = 'closed';
    this.packets.drop();
    this.lingerTimer?.cancel();
    this.halfClosedTimer?.cancel();
    const sink = this.sink;
    this.forget();
    sink?.onDownstreamReset('downstream_remote_disconnect', false);
    this.receiver.onConnectionClosed();
  }
}
