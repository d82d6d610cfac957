import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { HeaderList } from '../http/headers.js';
import {
  ACK,
  DEFAULT_WINDOW,
  END_HEADERS,
  END_STREAM,
  ERROR,
  FRAME,
  MAX_FRAME_SIZE,
  MAX_STREAM_ID,
  MAX_WINDOW,
  PADDED,
  PRIORITY_FLAG,
} from './constants.js';
import { ConnectionError, StreamError } from './errors.js';
import { FloodGuard } from './flood-guard.js';
import { FrameReader, type FrameSink } from './frame-reader.js';
import { HeaderBlock } from './header-block.js';
import { type DecodedBlock, HpackDecoder } from './hpack/decoder.js';
import { HpackEncoder } from './hpack/encoder.js';
import { encodeTrailers, MALFORMED, readTrailers } from './messages.js';
import { COPY_LIMIT, FrameOutput } from './output.js';
import { encodeSettings, readSettings, SETTING } from './settings.js';
import type { Http2Stream } from './stream.js';

export interface Http2Options {
  readonly clock: Clock;
  /** Names the counter `http2.NAME` of what happened. */
  readonly count: (name: string) => void;
  /** Of a header list, bytes as RFC 9113 section 6.5.2 counts them, and fields. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** Streams that the peer may have open at once. */
  readonly maxConcurrentStreams?: number;
  /** A stream whose waiting bytes do not move for this long is reset, ms. */
  readonly stallMs?: number;
}

/** What one stream may send ahead of its reader, bytes: with the limit of streams, the bound of a connection's memory. */
const STREAM_WINDOW = 256 * 1024;
/** Given back on receipt, so that one slow reader does not hold up the others. */
const CONNECTION_WINDOW = 8 * 1024 * 1024;
const TABLE_SIZE = 16_384;
const DEFAULT_STALL_MS = 300_000;
/** Time for the peer to close its side after our last frame. */
const LINGER_MS = 1000;
/** Acknowledgements that may wait for a peer that does not read. */
const MAX_UNREAD_ACKS = 1000;
const REMEMBERED_RESETS = 256;
const NOTHING = Buffer.alloc(0);

/** What both sides of an HTTP/2 connection (RFC 9113) have in common: frames, flow control, settings, limits, the end. */
export abstract class Http2Connection<S extends Http2Stream = Http2Stream> implements FrameSink {
  readonly streamWindow = STREAM_WINDOW;
  /** Whether the peer is one of us (see SETTING.FAITHFUL_HTTP1). */
  faithful = false;
  /** Monotonic ms of the last bytes in either direction. */
  lastActivity: number;

  protected readonly streams = new Map<number, S>();
  protected readonly output: FrameOutput;
  protected readonly encoder = new HpackEncoder();
  protected readonly guard: FloodGuard;
  /** The highest stream that the peer opened. */
  protected lastPeerStream = 0;
  protected peerMaxStreams = Number.POSITIVE_INFINITY;
  protected settingsSeen = false;
  protected over = false;

  private readonly reader = new FrameReader();
  private readonly decoder: HpackDecoder;
  protected readonly block: HeaderBlock;
  private readonly waiting = new Set<S>();
  private readonly recentResets = new Set<number>();
  private sendWindow = DEFAULT_WINDOW;
  private receiveWindow = CONNECTION_WINDOW;
  private peerWindow = DEFAULT_WINDOW;
  private peerFrameSize = MAX_FRAME_SIZE;
  private unreadAcks = 0;
  private pumping = false;
  private stallTimer: Timer | undefined;
  private lingerTimer: Timer | undefined;
  private readonly stallMs: number;

  constructor(
    protected readonly socket: Socket,
    protected readonly options: Http2Options,
  ) {
    const { clock, maxHeadBytes, maxHeaders } = options;
    this.output = new FrameOutput(socket);
    this.guard = new FloodGuard(clock);
    this.decoder = new HpackDecoder(TABLE_SIZE, { maxListSize: maxHeadBytes, maxFields: maxHeaders });
    // A block may be larger than its list where nothing is indexed and every byte is escaped; it is never much larger.
    this.block = new HeaderBlock(maxHeadBytes * 2 + MAX_FRAME_SIZE);
    this.lastActivity = clock.monotonic();
    this.stallMs = options.stallMs ?? DEFAULT_STALL_MS;
  }

  /** Whether data should wait: the socket is full. */
  get isBlocked(): boolean {
    return this.output.isBlocked;
  }

  /** Sends the preface of this side and begins to read. To be called once, last in a constructor. */
  protected open(settings: readonly (readonly [id: number, value: number])[]): void {
    this.sendFrame(
      FRAME.SETTINGS,
      0,
      0,
      encodeSettings([
        [SETTING.HEADER_TABLE_SIZE, TABLE_SIZE],
        [SETTING.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
        [SETTING.MAX_HEADER_LIST_SIZE, this.options.maxHeadBytes],
        [SETTING.FAITHFUL_HTTP1, 1],
        ...settings,
      ]),
    );
    this.output.windowUpdate(0, CONNECTION_WINDOW - DEFAULT_WINDOW);
    const { socket } = this;
    socket.on('data', (packet: Buffer) => this.onPacket(packet));
    socket.on('drain', () => this.onSocketDrain());
    socket.on('end', () => this.onLost('connection closed'));
    socket.on('error', (error: Error) => this.onLost(error.message));
    socket.on('close', () => this.onLost('connection closed'));
    if (socket.isPaused()) socket.resume();
    if (socket.destroyed) process.nextTick(() => this.onLost('connection closed'));
  }

  // What the two sides do differently.

  /** A block that opens a stream, or is the head of one that is open. */
  protected abstract onHead(id: number, stream: S | undefined, block: DecodedBlock, end: boolean): void;
  protected abstract onSettings(): void;
  protected abstract onPingAck(): void;
  protected abstract onGoAway(lastStreamId: number, code: number): void;
  /** A stream left the table. */
  protected abstract onStreamGone(stream: S): void;
  /** The connection is over; streams have heard of it. Comes once. */
  protected abstract onOver(): void;
  /** Our side of a stream was sent completely. */
  protected abstract onLocalEnd(stream: S): void;
  /** Whether frames may come for a stream that is not open: it was once, or is being refused. */
  protected abstract isIdle(id: number): boolean;
  /** Bytes before the first frame; the server takes the preface off. Returns undefined while there are too few. */
  protected takePreface(packet: Buffer): Buffer | undefined {
    return packet;
  }

  private onPacket(packet: Buffer): void {
    if (this.over) return;
    this.lastActivity = this.options.clock.monotonic();
    try {
      const rest = this.takePreface(packet);
      if (rest !== undefined && rest.length > 0) this.reader.push(rest, this);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.fail(error.code, error.detail);
    }
  }

  /** @internal */
  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): boolean {
    if (!this.settingsSeen && type !== FRAME.SETTINGS) throw protocolError();
    if (this.block.open && (type !== FRAME.CONTINUATION || id !== this.block.streamId)) throw protocolError();
    try {
      this.dispatch(type, flags, id, bytes, start, end);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.onStreamError(error);
    }
    return !this.over;
  }

  private dispatch(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FRAME.DATA:
        this.onDataFrame(flags, id, bytes, start, end);
        break;
      case FRAME.HEADERS:
        this.onHeadersFrame(flags, id, bytes, start, end);
        break;
      case FRAME.CONTINUATION:
        this.onContinuation(flags, bytes, start, end);
        break;
      case FRAME.WINDOW_UPDATE:
        this.onWindowUpdate(id, bytes, start, end);
        break;
      case FRAME.RST_STREAM:
        this.onReset(id, bytes, start, end);
        break;
      case FRAME.SETTINGS:
        this.onSettingsFrame(flags, id, bytes, start, end);
        break;
      case FRAME.PING:
        this.onPing(flags, id, bytes, start, end);
        break;
      case FRAME.GOAWAY:
        if (id !== 0) throw protocolError();
        if (end - start < 8) throw sizeError();
        this.onGoAway(bytes.readUInt32BE(start) & MAX_STREAM_ID, bytes.readUInt32BE(start + 4));
        break;
      case FRAME.PRIORITY:
        this.onPriority(id, bytes, start, end);
        break;
      case FRAME.PUSH_PROMISE:
        throw protocolError();
      default:
        this.guard.onNuisance('inbound_unknown_frames_flood');
    }
  }

  private onDataFrame(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError();
    const flow = end - start;
    this.receiveWindow -= flow;
    if (this.receiveWindow < 0) throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
    if (this.receiveWindow < CONNECTION_WINDOW / 2) {
      this.output.windowUpdate(0, CONNECTION_WINDOW - this.receiveWindow);
      this.receiveWindow = CONNECTION_WINDOW;
    }
    const [from, to] = (flags & PADDED) === 0 ? [start, end] : unpad(bytes, start, end);
    const last = (flags & END_STREAM) !== 0;
    if (to > from || last) this.guard.onDataReceived();
    else this.guard.onNuisance('inbound_empty_frames_flood');
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.onForeignFrame(id);
      return;
    }
    if (stream.remoteEnded) throw new StreamError(id, ERROR.STREAM_CLOSED, 'rx_messaging_error');
    stream.receiveData(bytes.subarray(from, to), flow, last);
  }

  /** A frame for a stream that is not open. */
  private onForeignFrame(id: number): void {
    if (this.isIdle(id)) throw protocolError();
    if (this.recentResets.has(id)) return;
    throw new ConnectionError(ERROR.STREAM_CLOSED, 'rx_messaging_error');
  }

  private onHeadersFrame(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError();
    let [from, to] = (flags & PADDED) === 0 ? [start, end] : unpad(bytes, start, end);
    if ((flags & PRIORITY_FLAG) !== 0) {
      if (to - from < 5) throw sizeError();
      if ((bytes.readUInt32BE(from) & MAX_STREAM_ID) === id) throw protocolError();
      from += 5;
    }
    const last = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) this.onBlock(id, this.decoder.decode(bytes, from, to), last);
    else {
      this.block.start(id, last, bytes.subarray(from, to));
      this.onHeadStarted();
    }
  }

  /** A head came in part. */
  protected onHeadStarted(): void {}

  private onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const { block } = this;
    if (!block.open) throw protocolError();
    block.add(bytes.subarray(start, end));
    if ((flags & END_HEADERS) === 0) return;
    const id = block.streamId;
    this.onBlock(id, this.decoder.decode(block.take()), block.end);
  }

  private onBlock(id: number, block: DecodedBlock, end: boolean): void {
    const stream = this.streams.get(id);
    if (block.overflow) this.options.count('header_overflow');
    if (stream?.remoteEnded === true) throw new StreamError(id, ERROR.STREAM_CLOSED, 'rx_messaging_error');
    if (stream === undefined && !this.isIdle(id)) this.onForeignFrame(id);
    else this.onHead(id, stream, block, end);
  }

  /** Trailers of an open stream. */
  protected readTrailers(stream: S, block: DecodedBlock, end: boolean): void {
    const trailers = end && !block.overflow ? readTrailers(block.fields, this.faithful) : MALFORMED;
    if (trailers === MALFORMED) throw new StreamError(stream.id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
    stream.receiveTrailers(trailers);
  }

  private onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw sizeError();
    const increment = bytes.readUInt32BE(start) & MAX_WINDOW;
    this.guard.onWindowUpdate();
    if (id === 0) {
      if (increment === 0) throw protocolError();
      this.sendWindow += increment;
      if (this.sendWindow > MAX_WINDOW) throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
      this.pump();
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) throw protocolError();
      return;
    }
    if (increment === 0) throw new StreamError(id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW) throw new StreamError(id, ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
    this.pump();
  }

  private onReset(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError();
    if (end - start !== 4) throw sizeError();
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) throw protocolError();
      this.guard.onNuisance('inbound_reset_flood');
      return;
    }
    this.options.count('rx_reset');
    const code = bytes.readUInt32BE(start);
    // What came completely is handed on, though its reader is slow.
    if (stream.remoteEnded && code === ERROR.NO_ERROR) stream.localEnded = true;
    if (stream.localEnded && stream.remoteEnded) {
      this.closeIfEnded(stream);
      return;
    }
    this.abort(stream, code, 'remote reset');
    this.onPeerReset();
  }

  /** A stream ended without our doing. */
  protected abort(stream: S, code: number, detail: string): void {
    this.forget(stream);
    stream.onAborted(code, detail, false);
    this.onStreamGone(stream);
  }

  /** The peer ended a stream early. */
  protected onPeerReset(): void {}

  private onSettingsFrame(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocolError();
    if ((flags & ACK) !== 0) {
      if (end !== start) throw sizeError();
      if (!this.settingsSeen) throw protocolError();
      return;
    }
    this.guard.onNuisance('inbound_settings_flood');
    readSettings(bytes, start, end, (setting, value) => this.applySetting(setting, value));
    this.acknowledge(FRAME.SETTINGS, NOTHING, 0, 0);
    this.settingsSeen = true;
    this.onSettings();
    this.pump();
  }

  private applySetting(id: number, value: number): void {
    switch (id) {
      case SETTING.HEADER_TABLE_SIZE:
        this.encoder.setLimit(value);
        return;
      case SETTING.MAX_CONCURRENT_STREAMS:
        this.peerMaxStreams = value;
        return;
      case SETTING.INITIAL_WINDOW_SIZE: {
        const change = value - this.peerWindow;
        this.peerWindow = value;
        for (const stream of this.streams.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > MAX_WINDOW) {
            throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
          }
        }
        return;
      }
      case SETTING.MAX_FRAME_SIZE:
        this.peerFrameSize = value;
        return;
      case SETTING.FAITHFUL_HTTP1:
        this.faithful = value === 1;
        return;
    }
  }

  private onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocolError();
    if (end - start !== 8) throw sizeError();
    if ((flags & ACK) !== 0) {
      this.onPingAck();
      return;
    }
    this.guard.onNuisance('inbound_ping_flood');
    this.acknowledge(FRAME.PING, bytes, start, end);
  }

  private acknowledge(type: number, payload: Buffer, start: number, end: number): void {
    if (this.output.isBlocked && ++this.unreadAcks > MAX_UNREAD_ACKS) {
      throw new ConnectionError(ERROR.ENHANCE_YOUR_CALM, 'outbound_control_flood');
    }
    this.output.frame(type, ACK, 0, payload, start, end);
  }

  private onPriority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError();
    if (end - start !== 5) throw new StreamError(id, ERROR.FRAME_SIZE_ERROR, 'rx_messaging_error');
    if ((bytes.readUInt32BE(start) & MAX_STREAM_ID) === id) {
      throw new StreamError(id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
    }
    this.guard.onNuisance('inbound_priority_frames_flood');
  }

  // Streams.

  protected addStream(stream: S, id: number): void {
    stream.id = id;
    stream.sendWindow = this.peerWindow;
    this.streams.set(id, stream);
    this.guard.onStreamOpened();
  }

  private onStreamError(error: StreamError): void {
    const stream = this.streams.get(error.streamId);
    this.options.count(error.detail);
    if (stream === undefined) this.refuseStream(error.streamId, error.code);
    else this.breakStream(stream, error.code);
    this.onPeerReset();
  }

  protected refuseStream(id: number, code: number): void {
    this.options.count('tx_reset');
    this.output.reset(id, code);
    this.rememberReset(id);
  }

  /** The peer did something wrong on a stream: both ends of it hear so. */
  protected breakStream(stream: Http2Stream, code: number): void {
    if (stream.closed) return;
    this.resetStream(stream, code);
    stream.onAborted(code, 'protocol error', false);
  }

  /** Ends a stream from our side; it hears no more. */
  resetStream(stream: Http2Stream, code: number): void {
    if (stream.closed) return;
    this.refuseStream(stream.id, code);
    this.forget(stream as S);
    this.onStreamGone(stream as S);
  }

  /** Takes a stream off the table when both sides have ended and nothing waits. */
  closeIfEnded(stream: Http2Stream): void {
    if (stream.closed || !stream.localEnded || !stream.remoteEnded || stream.hasInbound) return;
    this.closeStream(stream as S);
  }

  protected closeStream(stream: S): void {
    this.forget(stream);
    this.guard.onStreamCompleted();
    this.onStreamGone(stream);
  }

  private forget(stream: S): void {
    stream.release();
    this.streams.delete(stream.id);
    this.waiting.delete(stream);
  }

  private rememberReset(id: number): void {
    this.recentResets.add(id);
    if (this.recentResets.size <= REMEMBERED_RESETS) return;
    for (const oldest of this.recentResets) {
      this.recentResets.delete(oldest);
      return;
    }
  }

  // Sending.

  private sendFrame(type: number, flags: number, id: number, payload: Buffer): void {
    this.output.frame(type, flags, id, payload);
  }

  /** Sends the block that is in the encoder, in as many frames as it needs. */
  protected sendBlock(stream: Http2Stream, end: boolean): void {
    const { buffer, length } = this.encoder;
    const size = this.peerFrameSize;
    let at = Math.min(length, size);
    const flags = end ? END_STREAM : 0;
    // The encoder's buffer is written again, so nothing of it may wait by reference.
    const first = at > COPY_LIMIT ? Buffer.from(buffer.subarray(0, at)) : buffer;
    this.output.frame(FRAME.HEADERS, at === length ? flags | END_HEADERS : flags, stream.id, first, 0, at);
    while (at < length) {
      const to = Math.min(length, at + size);
      const piece = Buffer.from(buffer.subarray(at, to));
      this.output.frame(FRAME.CONTINUATION, to === length ? END_HEADERS : 0, stream.id, piece);
      at = to;
    }
    if (end) this.endLocal(stream as S);
  }

  /** Sends what windows and socket take of a chunk, from an offset. Returns the number of bytes; `end` goes with the last. */
  sendData(stream: Http2Stream, chunk: Buffer, offset: number, end: boolean): number {
    let at = offset;
    if (at < chunk.length) {
      if (this.output.isBlocked) return 0;
      const to = at + Math.min(chunk.length - at, stream.sendWindow, this.sendWindow);
      while (at < to) {
        const next = Math.min(to, at + this.peerFrameSize);
        const last = end && next === chunk.length;
        this.output.frame(FRAME.DATA, last ? END_STREAM : 0, stream.id, chunk, at, next);
        this.guard.onDataSent();
        at = next;
      }
      const sent = at - offset;
      if (sent <= 0) return 0;
      stream.sendWindow -= sent;
      this.sendWindow -= sent;
      this.lastActivity = this.options.clock.monotonic();
    } else if (end) {
      this.output.frame(FRAME.DATA, END_STREAM, stream.id, NOTHING);
    }
    if (end && at === chunk.length) this.endLocal(stream as S);
    return at - offset;
  }

  sendTrailers(stream: Http2Stream, trailers: HeaderList): void {
    encodeTrailers(this.encoder, trailers, this.faithful);
    if (this.encoder.length === 0) this.sendData(stream, NOTHING, 0, true);
    else this.sendBlock(stream, true);
  }

  private endLocal(stream: S): void {
    stream.localEnded = true;
    this.onLocalEnd(stream);
  }

  openWindow(stream: Http2Stream, increment: number): void {
    this.output.windowUpdate(stream.id, increment);
  }

  /** Remembers that a stream waits for a window or for the socket. */
  await(stream: Http2Stream): void {
    if (stream.stalledSince === 0) stream.stalledSince = this.options.clock.monotonic();
    this.waiting.add(stream as S);
    this.stallTimer ??= this.options.clock.after(this.stallMs, () => this.checkStalls());
  }

  /** Lets waiting streams send, a frame's worth each in turn, as far as windows and socket allow. */
  private pump(): void {
    if (this.pumping || this.waiting.size === 0) return;
    this.pumping = true;
    let progress = true;
    while (progress && !this.output.isBlocked) {
      progress = false;
      for (const stream of [...this.waiting]) {
        if (stream.closed || !stream.pump()) continue;
        progress = true;
        stream.stalledSince = this.options.clock.monotonic();
      }
    }
    this.pumping = false;
    this.notifyDrained();
  }

  private notifyDrained(): void {
    if (this.output.isBlocked) return;
    for (const stream of [...this.waiting]) {
      if (stream.hasOutbound) continue;
      this.waiting.delete(stream);
      stream.stalledSince = 0;
      stream.drained();
    }
  }

  private onSocketDrain(): void {
    this.output.drained();
    this.unreadAcks = 0;
    this.lastActivity = this.options.clock.monotonic();
    this.pump();
  }

  /** A peer that keeps its window shut holds memory here: its streams end (zero-window stalls). */
  private checkStalls(): void {
    this.stallTimer = undefined;
    const before = this.options.clock.monotonic() - this.stallMs;
    for (const stream of [...this.waiting]) {
      if (stream.stalledSince === 0 || stream.stalledSince > before + 1) continue;
      this.options.count('tx_flush_timeout');
      this.resetStream(stream, ERROR.CANCEL);
      stream.onAborted(ERROR.CANCEL, 'flush timeout', false);
    }
    if (this.waiting.size > 0 && !this.over) {
      this.stallTimer = this.options.clock.after(this.stallMs / 2, () => this.checkStalls());
    }
  }

  // The end.

  destroy(): void {
    this.output.flush();
    this.socket.destroy();
    this.onLost('destroyed');
  }

  /** Ends the connection for an error of the peer's. */
  protected fail(code: number, detail: string): void {
    if (this.over) return;
    this.options.count(detail);
    this.output.goAway(this.lastPeerStream, code);
    this.finish(code, detail);
  }

  /** Closes after what was written, gently: what the peer still sends is thrown away for a while, lest RST destroys our last frames. */
  protected finish(code: number, detail: string): void {
    if (this.over) return;
    this.output.end();
    this.lingerTimer = this.options.clock.after(LINGER_MS, () => this.socket.destroy());
    this.end(code, detail);
  }

  private onLost(detail: string): void {
    if (this.over) return;
    this.end(ERROR.CANCEL, detail);
    this.socket.destroy();
  }

  private end(code: number, detail: string): void {
    this.over = true;
    this.stallTimer?.cancel();
    for (const stream of [...this.streams.values()]) {
      if (stream.localEnded && stream.remoteEnded) continue;
      this.forget(stream);
      stream.onAborted(code, detail, true);
      this.onStreamGone(stream);
    }
    if (this.socket.destroyed) this.lingerTimer?.cancel();
    this.onOver();
  }
}

function unpad(bytes: Buffer, start: number, end: number): [number, number] {
  if (end === start) throw sizeError();
  const padding = bytes[start] as number;
  const to = end - padding;
  if (to < start + 1) throw protocolError();
  return [start + 1, to];
}

export function protocolError(): ConnectionError {
  return new ConnectionError(ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
}

function sizeError(): ConnectionError {
  return new ConnectionError(ERROR.FRAME_SIZE_ERROR, 'rx_messaging_error');
}
