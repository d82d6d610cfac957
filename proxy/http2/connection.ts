import type { Socket } from 'node:net';
import type { Timer } from '../../common/runtime/clock.js';
import { readPackets } from '../http/read-packets.js';
import { ERROR, FRAME } from './constants.js';
import { ConnectionControl } from './control.js';
import { ConnectionError, protocolError, StreamError } from './errors.js';
import { FloodGuard } from './flood-guard.js';
import { FrameDispatcher, type FrameHandler } from './frame-dispatch.js';
import { FrameReader } from './frame-reader.js';
import type { DecodedBlock } from './hpack/decoder.js';
import { HpackEncoder } from './hpack/encoder.js';
import { KeepAlive } from './keep-alive.js';
import { MALFORMED, readTrailers } from './messages.js';
import type { Http2Options } from './options.js';
import { FrameOutput } from './output.js';
import { ReceiveWindow } from './receive-window.js';
import { SendScheduler } from './send-scheduler.js';
import { encodeSettings, ownSettings, type SettingEntry } from './settings.js';
import type { Http2Stream } from './stream.js';
import { StreamTable } from './stream-table.js';

/** What one stream may send ahead of its reader, bytes: with the limit of streams, the bound of a connection's memory. */
const STREAM_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = 8 * 1024 * 1024;
const TABLE_SIZE = 16_384;
const DEFAULT_STALL_MS = 300_000;
/** Time for the peer to close its side after our last frame. */
const LINGER_MS = 1000;

/**
 * What both sides of an HTTP/2 connection (RFC 9113) have in common: its streams, its settings, its beginning and its
 * end. Frames are read by the {@link FrameDispatcher} and written by the {@link SendScheduler}.
 */
export abstract class Http2Connection<S extends Http2Stream = Http2Stream> implements FrameHandler {
  readonly streamWindow: number;
  readonly sender: SendScheduler;
  over = false;

  protected readonly streams = new StreamTable<S>();
  protected readonly output: FrameOutput;
  protected readonly encoder = new HpackEncoder();
  protected readonly guard: FloodGuard;
  protected readonly frames: FrameDispatcher;
  protected readonly control: ConnectionControl;
  protected readonly keepAlive: KeepAlive | undefined;
  /** The highest stream that the peer opened. */
  protected lastPeerStream = 0;
  /** Monotonic ms of the last bytes received. */
  protected lastReceived: number;

  private readonly reader = new FrameReader();
  private readonly receiveWindow: ReceiveWindow;
  private lingerTimer: Timer | undefined;

  constructor(
    protected readonly socket: Socket,
    protected readonly options: Http2Options,
  ) {
    const { clock, maxHeadBytes, maxHeaders, settings = {} } = options;
    const { encoder } = this;
    const output = new FrameOutput(socket);
    const guard = new FloodGuard(clock);
    const sender = new SendScheduler(this, {
      clock,
      output,
      encoder,
      guard,
      stallMs: options.stallMs ?? DEFAULT_STALL_MS,
    });
    this.output = output;
    this.guard = guard;
    this.sender = sender;
    this.streamWindow = settings.streamWindow ?? STREAM_WINDOW;
    this.control = new ConnectionControl(this, { output, encoder, guard, sender });
    this.frames = new FrameDispatcher(this, this.control, { tableSize: this.tableSize, maxHeadBytes, maxHeaders });
    this.receiveWindow = new ReceiveWindow(settings.connectionWindow ?? CONNECTION_WINDOW, output);
    this.lastReceived = clock.monotonic();
    const { keepAlive } = settings;
    const random = options.random ?? ((): number => 0);
    this.keepAlive = keepAlive === undefined ? undefined : new KeepAlive(keepAlive, this, clock, random);
  }

  private get tableSize(): number {
    return this.options.settings?.tableSize ?? TABLE_SIZE;
  }

  /** Whether the peer is one of us (see SETTING.FAITHFUL_HTTP1). */
  get faithful(): boolean {
    return this.control.faithful;
  }

  /** Monotonic ms of the last bytes that came, or left late. */
  get lastActivity(): number {
    return Math.max(this.lastReceived, this.sender.lastSent);
  }

  /** Sends the preface of this side and begins to read. To be called once, last in a constructor. */
  protected open(settings: readonly SettingEntry[]): void {
    const { tableSize, streamWindow } = this;
    const own = ownSettings({ tableSize, streamWindow, maxHeadBytes: this.options.maxHeadBytes });
    this.output.frame(FRAME.SETTINGS, 0, 0, encodeSettings([...own, ...settings]));
    this.receiveWindow.open();
    const { socket } = this;
    readPackets(socket, (packet) => this.onPacket(packet));
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
  abstract onGoAway(lastStreamId: number, code: number): void;
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
  /** The peer ended a stream early. */
  protected onPeerReset(): void {}

  private onPacket(packet: Buffer): void {
    if (this.over) return;
    this.lastReceived = this.options.clock.monotonic();
    try {
      const rest = this.takePreface(packet);
      if (rest !== undefined && rest.length > 0) this.reader.push(rest, this.frames);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.fail(error.code, error.detail);
    }
  }

  /** @internal */
  onDataFrame(id: number, chunk: Buffer, flow: number, end: boolean): void {
    this.receiveWindow.receive(flow);
    if (chunk.length > 0 || end) this.guard.onDataReceived();
    else this.guard.onNuisance('inbound_empty_frames_flood');
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.onForeignFrame(id);
      return;
    }
    if (stream.remoteEnded) throw new StreamError(id, ERROR.STREAM_CLOSED, 'rx_messaging_error');
    stream.receiveData(chunk, flow, end);
  }

  /** A frame for a stream that is not open. */
  private onForeignFrame(id: number): void {
    if (this.isIdle(id)) throw protocolError();
    if (this.streams.wasReset(id)) return;
    throw new ConnectionError(ERROR.STREAM_CLOSED, 'rx_messaging_error');
  }

  /** @internal */
  onBlockStarted(): void {}

  /** @internal */
  onBlock(id: number, block: DecodedBlock, end: boolean): void {
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
    this.options.count('trailers');
    stream.receiveTrailers(trailers);
  }

  /** @internal */
  onWindowUpdate(id: number, increment: number): void {
    this.guard.onWindowUpdate();
    if (id === 0) {
      this.sender.widen(increment);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) throw protocolError();
      return;
    }
    if (increment === 0) throw new StreamError(id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
    this.sender.widenStream(stream, increment);
  }

  /** @internal */
  onReset(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) throw protocolError();
      this.guard.onNuisance('inbound_reset_flood');
      return;
    }
    this.options.count('rx_reset');
    if (code === ERROR.NO_ERROR && this.endsGently(stream)) return;
    if (stream.localEnded && stream.remoteEnded) {
      this.closeIfEnded(stream);
      return;
    }
    this.abort(stream, code, 'remote reset');
    this.onPeerReset();
  }

  /** The peer needs nothing more on a stream; what came of it is handed on, though its reader is slow. */
  private endsGently(stream: S): boolean {
    if (!stream.remoteEnded && !stream.completesByLength()) {
      if (!stream.hasHeldBack) return false;
      stream.localEnded = true;
      stream.abortWhenDelivered(() => this.abort(stream, ERROR.NO_ERROR, 'remote reset'));
      return true;
    }
    stream.localEnded = true;
    this.closeIfEnded(stream);
    return true;
  }

  /** @internal */
  onNuisance(counter: string): void {
    this.guard.onNuisance(counter);
  }

  /** @internal */
  openStreams(): Iterable<Http2Stream> {
    return this.streams.copy();
  }

  /** @internal */
  abstract onSettings(): void;

  /** @internal */
  onPingAck(payload: Buffer): void {
    this.keepAlive?.onAck(payload);
  }

  /** @internal */
  sendPing(payload: Buffer): void {
    this.control.sendPing(payload);
  }

  /** @internal The peer does not answer PING: it is gone, whatever TCP believes. */
  onSilence(): void {
    if (this.over) return;
    this.options.count('keepalive_timeout');
    this.sendGoAway(this.lastPeerStream, ERROR.NO_ERROR);
    this.output.flush();
    this.onLost('http2_ping_timeout');
  }

  private onSocketDrain(): void {
    this.control.drained();
    this.sender.drained();
  }

  // Streams.

  protected addStream(stream: S, id: number): void {
    stream.id = id;
    this.sender.add(stream);
    this.streams.add(stream);
    this.guard.onStreamOpened();
  }

  /** @internal */
  onStreamError(error: StreamError): void {
    const stream = this.streams.get(error.streamId);
    // A stream that was never opened cannot be reset (RFC 9113 section 6.4), and may still be opened.
    if (stream === undefined && this.isIdle(error.streamId)) throw new ConnectionError(error.code, error.detail);
    this.options.count(error.detail);
    if (stream === undefined) this.refuseStream(error.streamId, error.code);
    else this.breakStream(stream, error.code);
    this.onPeerReset();
  }

  protected refuseStream(id: number, code: number): void {
    this.options.count('tx_reset');
    this.output.reset(id, code);
    this.streams.rememberReset(id);
  }

  /** The peer did something wrong on a stream: both ends of it hear so. */
  protected breakStream(stream: Http2Stream, code: number): void {
    if (stream.closed) return;
    this.resetStream(stream, code);
    stream.onAborted(code, 'protocol error', false);
  }

  /** @internal A peer that keeps its window shut holds memory here. */
  onStalled(stream: Http2Stream): void {
    if (stream.closed) return;
    this.options.count('tx_flush_timeout');
    this.resetStream(stream, ERROR.CANCEL);
    stream.onAborted(ERROR.CANCEL, 'flush timeout', false);
  }

  /** A stream ended without our doing. */
  protected abort(stream: S, code: number, detail: string): void {
    this.forget(stream);
    stream.onAborted(code, detail, false);
    this.onStreamGone(stream);
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
    this.streams.delete(stream);
    this.sender.forget(stream);
  }

  /** @internal */
  onSentAll(stream: Http2Stream): void {
    this.onLocalEnd(stream as S);
  }

  openWindow(stream: Http2Stream, increment: number): void {
    this.output.windowUpdate(stream.id, increment);
  }

  // The end.

  destroy(): void {
    this.output.flush();
    this.socket.destroy();
    this.onLost('destroyed');
  }

  protected sendGoAway(lastStreamId: number, code: number): void {
    this.options.count('goaway_sent');
    this.output.goAway(lastStreamId, code);
  }

  /** Ends the connection for an error of the peer's. */
  protected fail(code: number, detail: string): void {
    if (this.over) return;
    this.options.count(detail);
    this.sendGoAway(this.lastPeerStream, code);
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
    this.sender.stop();
    this.keepAlive?.stop();
    for (const stream of this.streams.copy()) {
      if (stream.localEnded && stream.remoteEnded) continue;
      this.forget(stream);
      stream.onAborted(code, detail, true);
      this.onStreamGone(stream);
    }
    if (this.socket.destroyed) this.lingerTimer?.cancel();
    this.onOver();
  }
}
