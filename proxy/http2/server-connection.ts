import type { Socket } from 'node:net';
import { FLAG } from '../http/flags.js';
import type { ResponseHead } from '../http/message.js';
import type { RequestMeta, RequestReceiver, ServerCodec } from '../http/server-codec.js';
import { Http2Connection } from './connection.js';
import { ERROR, FRAME, MAX_STREAM_ID, PREFACE } from './constants.js';
import { protocolError, StreamError } from './errors.js';
import type { DecodedBlock } from './hpack/decoder.js';
import { encodeResponse, MALFORMED, readRequest } from './messages.js';
import type { Http2Options } from './options.js';
import { ServerStream } from './server-stream.js';
import { SETTING } from './settings.js';
import { WebSocketHandshake } from './websocket-handshake.js';

export interface Http2ServerOptions extends Http2Options {
  /** Whether the connection carries TLS: the scheme of its requests. */
  readonly secure: boolean;
}

const MAX_STREAMS = 256;
const ALLOW_CONNECT = [SETTING.ENABLE_CONNECT_PROTOCOL, 1] as const;
/** How long a client has to see that we are going away before its new streams are refused. */
const GOAWAY_WAIT_MS = 1000;
const DRAIN_PING = Buffer.from('weftdran');

/** The downstream side of HTTP/2. */
export class Http2ServerConnection extends Http2Connection<ServerStream> implements ServerCodec {
  headStart = 0;
  private readonly maxStreams: number;
  private prefaceSeen = 0;
  private draining: 'no' | 'announced' | 'final' = 'no';

  constructor(
    socket: Socket,
    private readonly receiver: RequestReceiver,
    private readonly serverOptions: Http2ServerOptions,
  ) {
    super(socket, serverOptions);
    this.maxStreams = serverOptions.settings?.maxConcurrentStreams ?? MAX_STREAMS;
    this.open([
      [SETTING.MAX_CONCURRENT_STREAMS, this.maxStreams],
      ...(serverOptions.settings?.allowConnect === true ? [ALLOW_CONNECT] : []),
    ]);
  }

  get idle(): boolean {
    return this.streams.size === 0;
  }

  get inHead(): boolean {
    return this.frames.inHead;
  }

  closeWhenIdle(): void {
    if (this.draining !== 'no' || this.over) return;
    this.draining = 'announced';
    // First without a limit, so that no request is lost that is on its way (RFC 9113 section 6.8).
    this.sendGoAway(MAX_STREAM_ID, ERROR.NO_ERROR);
    this.output.frame(FRAME.PING, 0, 0, DRAIN_PING);
    this.options.clock.after(GOAWAY_WAIT_MS, () => this.finishDrain());
  }

  /** The other streams have nothing to do with it. */
  closeAfterRefusal(): void {}

  failHead(_status: number, details: string): void {
    if (this.inHead) this.fail(ERROR.ENHANCE_YOUR_CALM, details);
  }

  /** @internal */
  sendResponseHead(stream: ServerStream, head: ResponseHead, end: boolean): void {
    encodeResponse(this.encoder, head, this.faithful);
    this.sender.sendBlock(stream, end);
  }

  protected override takePreface(packet: Buffer): Buffer | undefined {
    if (this.prefaceSeen === PREFACE.length) return packet;
    const length = Math.min(PREFACE.length - this.prefaceSeen, packet.length);
    const to = this.prefaceSeen + length;
    if (packet.compare(PREFACE, this.prefaceSeen, to, 0, length) !== 0) throw protocolError();
    this.prefaceSeen = to;
    return packet.subarray(length);
  }

  override onBlockStarted(): void {
    this.headStart = this.lastReceived;
    this.receiver.onHeadStarted();
  }

  protected onHead(id: number, stream: ServerStream | undefined, block: DecodedBlock, end: boolean): void {
    if (stream !== undefined) {
      this.readTrailers(stream, block, end);
      return;
    }
    if (id % 2 === 0) throw protocolError();
    this.lastPeerStream = id;
    if (this.draining === 'final') {
      this.refuseStream(id, ERROR.REFUSED_STREAM);
    } else if (this.streams.size >= this.maxStreams) {
      this.options.count('stream_refused_errors');
      this.refuseStream(id, ERROR.REFUSED_STREAM);
      this.guard.onPrematureReset();
    } else if (block.overflow) {
      this.refuseHead(id, end);
    } else {
      this.begin(id, block, end);
    }
  }

  private begin(id: number, block: DecodedBlock, end: boolean): void {
    const connects = this.faithful || this.options.settings?.allowConnect === true;
    const { secure } = this.serverOptions;
    const request = readRequest(block.fields, { secure, faithful: this.faithful, connects });
    if (request === MALFORMED) throw new StreamError(id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
    const { head, contentLength, expectContinue } = request;
    const upgrade = head.method === 'CONNECT' ? 'connect' : request.upgrade;
    const stream = new ServerStream(this, head.method, upgrade !== '');
    if (upgrade === 'websocket') stream.handshake = new WebSocketHandshake(head.headers);
    this.addStream(stream, id);
    if (contentLength >= 0) stream.expectLength(contentLength);
    if (end) stream.headEnds();
    const sink = this.receiver.onRequest(stream, head, this.meta(end, upgrade, expectContinue, head.authority !== ''));
    if (!stream.closed) stream.sink = sink;
  }

  /** The head is larger than allowed, and was not kept: 431, as RFC 9113 section 10.5.1 has it. */
  private refuseHead(id: number, end: boolean): void {
    const stream = new ServerStream(this, '', false);
    this.addStream(stream, id);
    if (end) stream.headEnds();
    const meta = this.meta(end, '', false, true);
    const sink = this.receiver.onBadHead(stream, meta, 431, 'http2.headers_too_large', FLAG.DPE);
    if (!stream.closed) stream.sink = sink;
  }

  private meta(ended: boolean, upgrade: string, expectContinue: boolean, hasHost: boolean): RequestMeta {
    return {
      ended,
      upgrade,
      expectContinue,
      hasHost,
      start: this.lastReceived,
      startEpoch: this.options.clock.now(),
      received: this.lastReceived,
    };
  }

  protected isIdle(id: number): boolean {
    return id > this.lastPeerStream;
  }

  protected onLocalEnd(stream: ServerStream): void {
    if (stream.remoteEnded) this.closeStream(stream);
    // The answer is complete and the rest of the request of no use (RFC 9113 section 8.1).
    else if (!stream.switched) this.resetStream(stream, ERROR.NO_ERROR);
  }

  protected override onPeerReset(): void {
    this.guard.onPrematureReset();
  }

  onSettings(): void {}

  override onPingAck(payload: Buffer): void {
    if (payload.equals(DRAIN_PING)) this.finishDrain();
    else super.onPingAck(payload);
  }

  onGoAway(): void {}

  protected onStreamGone(): void {
    if (this.draining === 'final' && this.streams.size === 0) this.finish(ERROR.NO_ERROR, 'drained');
  }

  private finishDrain(): void {
    if (this.draining !== 'announced' || this.over) return;
    this.draining = 'final';
    this.sendGoAway(this.lastPeerStream, ERROR.NO_ERROR);
    if (this.streams.size === 0) this.finish(ERROR.NO_ERROR, 'drained');
  }

  protected onOver(): void {
    this.receiver.onConnectionClosed();
  }
}
