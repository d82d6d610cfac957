import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { HeaderList } from '../http/headers.js';
import { DEFAULT_WINDOW, END_HEADERS, END_STREAM, ERROR, FRAME, MAX_FRAME_SIZE, MAX_WINDOW } from './constants.js';
import { ConnectionError, StreamError } from './errors.js';
import type { FloodGuard } from './flood-guard.js';
import type { HpackEncoder } from './hpack/encoder.js';
import { encodeTrailers } from './messages.js';
import { COPY_LIMIT, type FrameOutput } from './output.js';
import type { Http2Stream } from './stream.js';

const NOTHING = Buffer.alloc(0);

export interface SenderOptions {
  readonly clock: Clock;
  readonly output: FrameOutput;
  readonly encoder: HpackEncoder;
  readonly guard: FloodGuard;
  readonly stallMs: number;
}

/** What the connection does about what the scheduler notices. */
export interface SenderOwner {
  /** Whether field names keep their case (see SETTING.FAITHFUL_HTTP1). */
  readonly faithful: boolean;
  /** Our side of a stream was sent completely. */
  onSentAll(stream: Http2Stream): void;
  /** Waiting bytes did not move for too long. */
  onStalled(stream: Http2Stream): void;
}

/** Sends heads, data and trailers of all streams as far as windows and socket allow, and lets those that wait take turns. */
export class SendScheduler {
  /** Monotonic ms at which the socket last took bytes that had waited. */
  lastSent = 0;
  private window = DEFAULT_WINDOW;
  private initialWindow = DEFAULT_WINDOW;
  private frameSize = MAX_FRAME_SIZE;
  private readonly waiting = new Set<Http2Stream>();
  private pumping = false;
  private stallTimer: Timer | undefined;

  constructor(
    private readonly owner: SenderOwner,
    private readonly options: SenderOptions,
  ) {}

  /** Whether data should wait: the socket is full. */
  get isBlocked(): boolean {
    return this.options.output.isBlocked;
  }

  // What the peer allows.

  setFrameSize(bytes: number): void {
    this.frameSize = bytes;
  }

  /**
   * SETTINGS_INITIAL_WINDOW_SIZE changes the windows of open streams too.
   * @throws ConnectionError
   */
  setInitialWindow(bytes: number, streams: Iterable<Http2Stream>): void {
    const change = bytes - this.initialWindow;
    this.initialWindow = bytes;
    for (const stream of streams) {
      stream.sendWindow += change;
      if (stream.sendWindow > MAX_WINDOW) throw windowOverflow();
    }
  }

  /** @throws ConnectionError */
  widen(increment: number): void {
    this.window += increment;
    if (this.window > MAX_WINDOW) throw windowOverflow();
    this.pump();
  }

  /** @throws StreamError */
  widenStream(stream: Http2Stream, increment: number): void {
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW) {
      throw new StreamError(stream.id, ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
    }
    this.pump();
  }

  // Sending.

  add(stream: Http2Stream): void {
    stream.sendWindow = this.initialWindow;
  }

  /** Sends the block that is in the encoder, in as many frames as it needs. */
  sendBlock(stream: Http2Stream, end: boolean): void {
    const { output, encoder } = this.options;
    const { buffer, length } = encoder;
    let at = Math.min(length, this.frameSize);
    const flags = end ? END_STREAM : 0;
    // The encoder's buffer is written again, so nothing of it may wait by reference.
    const first = at > COPY_LIMIT ? Buffer.from(buffer.subarray(0, at)) : buffer;
    output.frame(FRAME.HEADERS, at === length ? flags | END_HEADERS : flags, stream.id, first, 0, at);
    while (at < length) {
      const to = Math.min(length, at + this.frameSize);
      const piece = Buffer.from(buffer.subarray(at, to));
      output.frame(FRAME.CONTINUATION, to === length ? END_HEADERS : 0, stream.id, piece);
      at = to;
    }
    if (end) this.endLocal(stream);
  }

  /** Sends what windows and socket take of a chunk, from an offset. Returns the number of bytes; `end` goes with the last. */
  sendData(stream: Http2Stream, chunk: Buffer, offset: number, end: boolean): number {
    const { output, guard } = this.options;
    let at = offset;
    if (at < chunk.length) {
      if (output.isBlocked) return 0;
      const to = at + Math.min(chunk.length - at, stream.sendWindow, this.window);
      while (at < to) {
        const next = Math.min(to, at + Math.min(this.frameSize, output.dataRoom));
        const last = end && next === chunk.length;
        output.frame(FRAME.DATA, last ? END_STREAM : 0, stream.id, chunk, at, next);
        guard.onDataSent();
        at = next;
      }
      const sent = at - offset;
      if (sent <= 0) return 0;
      stream.sendWindow -= sent;
      this.window -= sent;
    } else if (end) {
      output.frame(FRAME.DATA, END_STREAM, stream.id, NOTHING);
    }
    if (end && at === chunk.length) this.endLocal(stream);
    return at - offset;
  }

  sendTrailers(stream: Http2Stream, trailers: HeaderList): void {
    const { encoder } = this.options;
    encodeTrailers(encoder, trailers, this.owner.faithful);
    if (encoder.length === 0) this.sendData(stream, NOTHING, 0, true);
    else this.sendBlock(stream, true);
  }

  private endLocal(stream: Http2Stream): void {
    stream.localEnded = true;
    this.owner.onSentAll(stream);
  }

  // Waiting.

  /** Remembers that a stream waits for a window or for the socket. */
  await(stream: Http2Stream): void {
    const { clock, stallMs } = this.options;
    if (stream.stalledSince === 0) stream.stalledSince = clock.monotonic();
    this.waiting.add(stream);
    this.stallTimer ??= clock.after(stallMs, () => this.checkStalls());
  }

  forget(stream: Http2Stream): void {
    if (this.waiting.size > 0) this.waiting.delete(stream);
  }

  /** To be called on the socket's `drain`. */
  drained(): void {
    this.options.output.drained();
    this.lastSent = this.options.clock.monotonic();
    this.pump();
  }

  stop(): void {
    this.stallTimer?.cancel();
    this.stallTimer = undefined;
  }

  /** Lets waiting streams send, a frame's worth each in turn, as far as windows and socket allow. */
  pump(): void {
    if (this.pumping || this.waiting.size === 0) return;
    this.pumping = true;
    let progress = true;
    while (progress && !this.isBlocked) {
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
    if (this.isBlocked) return;
    for (const stream of [...this.waiting]) {
      if (stream.hasOutbound) continue;
      this.waiting.delete(stream);
      stream.stalledSince = 0;
      stream.drained();
    }
  }

  /** A peer that keeps its window shut holds memory here: its streams end (zero-window stalls). */
  private checkStalls(): void {
    const { clock, stallMs } = this.options;
    this.stallTimer = undefined;
    const before = clock.monotonic() - stallMs;
    for (const stream of [...this.waiting]) {
      if (stream.stalledSince > 0 && stream.stalledSince <= before + 1) this.owner.onStalled(stream);
    }
    if (this.waiting.size > 0) this.stallTimer = clock.after(stallMs / 2, () => this.checkStalls());
  }
}

function windowOverflow(): ConnectionError {
  return new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
}
