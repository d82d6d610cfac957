import type { HeaderList } from '../http/headers.js';
import type { Http2Connection } from './connection.js';
import { ERROR } from './constants.js';
import { StreamError } from './errors.js';
import type { SendScheduler } from './send-scheduler.js';

/** Pieces smaller than this are joined while they wait, so that tiny frames cannot pin big packets. */
const JOIN_BELOW = 4096;
const NOTHING = Buffer.alloc(0);

/**
 * One stream with its flow control in both directions. What the peer's window or a slow socket does not let out waits
 * here, and whoever writes is told to stop; what the reader does not want waits here too, and the window stays closed.
 */
export abstract class Http2Stream {
  /** 0 until the stream is opened. */
  id = 0;
  sendWindow = 0;
  localEnded = false;
  remoteEnded = false;
  /** Nothing is sent or handed on any more. */
  closed = false;
  /** Monotonic ms since which waiting bytes have not moved. */
  stalledSince = 0;

  private receiveWindow: number;
  private consumed = 0;
  private expected = -1;
  private received = 0;

  private outbound: Buffer[] = [];
  private outboundOffset = 0;
  private outboundEnd = false;
  private outboundTrailers: HeaderList | undefined = undefined;
  private wantsDrain = false;

  private inbound: Buffer[] = [];
  private inboundEnd = false;
  private inboundTrailers: HeaderList | undefined = undefined;
  private readable = true;
  private delivering = false;
  /** What is done when all that came was handed on. */
  private afterDelivery: (() => void) | undefined = undefined;

  private readonly sender: SendScheduler;

  constructor(protected readonly connection: Http2Connection) {
    this.sender = connection.sender;
    this.receiveWindow = connection.streamWindow;
  }

  /** Body bytes or, with `end`, the end of the message. */
  protected abstract onData(chunk: Buffer, end: boolean): void;
  protected abstract onTrailers(trailers: HeaderList): void;
  protected abstract onDrain(): void;
  /** The peer, or the connection, ended the stream; it is closed already. */
  abstract onAborted(code: number, detail: string, connectionLost: boolean): void;

  // Sending.

  /** Whether something waits to be sent. */
  get hasOutbound(): boolean {
    return this.outbound.length > 0;
  }

  /** Returns false when the peer is slow: a call of {@link onDrain} follows. */
  protected write(chunk: Buffer, end: boolean): boolean {
    if (this.closed || this.localEnded) return true;
    if (this.outbound.length > 0) this.enqueue(chunk, end);
    else {
      const sent = this.sender.sendData(this, chunk, 0, end);
      if (sent < chunk.length || (end && !this.localEnded))
        this.enqueue(sent === 0 ? chunk : chunk.subarray(sent), end);
    }
    const open = this.outbound.length === 0 && !this.sender.isBlocked;
    if (!open && !end) {
      this.wantsDrain = true;
      this.sender.await(this);
    }
    return open;
  }

  protected writeTrailers(trailers: HeaderList): void {
    if (this.closed || this.localEnded) return;
    if (this.outbound.length > 0) this.outboundTrailers = trailers;
    else this.sender.sendTrailers(this, trailers);
  }

  private enqueue(chunk: Buffer, end: boolean): void {
    const last = this.outbound.at(-1);
    if (last !== undefined && this.outbound.length > 1 && last.length + chunk.length < JOIN_BELOW) {
      this.outbound[this.outbound.length - 1] = Buffer.concat([last, chunk]);
    } else {
      this.outbound.push(chunk);
    }
    this.outboundEnd ||= end;
    this.sender.await(this);
  }

  /** Sends what can be sent, about one frame. Returns whether there was progress. */
  pump(): boolean {
    const chunk = this.outbound[0];
    if (chunk === undefined || this.closed) return false;
    const last = this.outbound.length === 1 && this.outboundEnd;
    const sent = this.sender.sendData(this, chunk, this.outboundOffset, last);
    this.outboundOffset += sent;
    if (this.outboundOffset < chunk.length || (last && !this.localEnded)) return sent > 0;
    this.outbound.shift();
    this.outboundOffset = 0;
    if (this.outbound.length === 0) this.emptied();
    return true;
  }

  private emptied(): void {
    const trailers = this.outboundTrailers;
    this.outboundTrailers = undefined;
    if (trailers !== undefined) this.sender.sendTrailers(this, trailers);
  }

  /** Nothing waits any more and the socket takes bytes. */
  drained(): void {
    if (!this.wantsDrain || this.closed) return;
    this.wantsDrain = false;
    this.onDrain();
  }

  // Receiving.

  /** Whether something waits for the reader. */
  get hasInbound(): boolean {
    return this.inbound.length > 0 || this.inboundTrailers !== undefined;
  }

  /** Whether the reader has to be waited for. */
  get hasHeldBack(): boolean {
    return !this.readable || this.inbound.length > 0;
  }

  /** Calls back when the reader has taken what came, and wants more; not if the stream is over before. */
  abortWhenDelivered(abort: () => void): void {
    this.afterDelivery = abort;
  }

  /**
   * The peer ended the stream without END_STREAM, and all the bytes that it had promised have come: that is the end of
   * the message too. Returns whether it is so.
   */
  completesByLength(): boolean {
    if (this.expected < 0 || this.received !== this.expected) return false;
    this.receiveData(NOTHING, 0, true);
    return true;
  }

  /** The Content-Length of the message, which its data must add up to (RFC 9113 section 8.1.1). */
  expectLength(length: number): void {
    this.expected = length;
  }

  private checkLength(): void {
    if (this.expected < 0) return;
    const wrong = this.remoteEnded ? this.received !== this.expected : this.received > this.expected;
    if (wrong) throw new StreamError(this.id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
  }

  /**
   * A DATA frame of `flow` bytes, padding included.
   * @throws StreamError
   */
  receiveData(chunk: Buffer, flow: number, end: boolean): void {
    this.receiveWindow -= flow;
    if (this.receiveWindow < 0) throw new StreamError(this.id, ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
    this.received += chunk.length;
    this.remoteEnded = end;
    this.checkLength();
    if (flow > chunk.length) this.credit(flow - chunk.length);
    if (this.readable && this.inbound.length === 0) this.deliver(chunk, end);
    else this.hold(chunk, end);
  }

  receiveTrailers(trailers: HeaderList): void {
    this.remoteEnded = true;
    this.checkLength();
    if (this.readable && this.inbound.length === 0) this.deliverTrailers(trailers);
    else this.inboundTrailers = trailers;
  }

  private deliverTrailers(trailers: HeaderList): void {
    this.onTrailers(trailers);
    this.connection.closeIfEnded(this);
  }

  /** A head without a body came. */
  headEnds(): void {
    this.remoteEnded = true;
    this.checkLength();
  }

  setReadable(readable: boolean): void {
    if (this.readable === readable) return;
    this.readable = readable;
    if (readable && !this.delivering) this.deliverHeld();
  }

  private hold(chunk: Buffer, end: boolean): void {
    const last = this.inbound.at(-1);
    if (last !== undefined && last.length + chunk.length < JOIN_BELOW) {
      this.inbound[this.inbound.length - 1] = Buffer.concat([last, chunk]);
    } else {
      this.inbound.push(chunk.length < JOIN_BELOW ? Buffer.from(chunk) : chunk);
    }
    this.inboundEnd ||= end;
  }

  private deliverHeld(): void {
    this.delivering = true;
    while (this.readable && !this.closed) {
      const chunk = this.inbound.shift();
      if (chunk === undefined) break;
      this.deliver(chunk, this.inboundEnd && this.inbound.length === 0);
    }
    this.delivering = false;
    if (this.inbound.length > 0 || this.closed) return;
    const trailers = this.inboundTrailers;
    this.inboundTrailers = undefined;
    if (trailers !== undefined) this.deliverTrailers(trailers);
    if (this.readable) this.afterDelivery?.();
  }

  private deliver(chunk: Buffer, end: boolean): void {
    if (!this.remoteEnded) this.credit(chunk.length);
    if (chunk.length > 0 || end) this.onData(chunk, end);
    if (end) this.connection.closeIfEnded(this);
  }

  /** Opens the window again for bytes that were used, in lots. */
  private credit(bytes: number): void {
    this.consumed += bytes;
    if (this.remoteEnded || this.closed || this.consumed * 2 < this.connection.streamWindow) return;
    this.connection.openWindow(this, this.consumed);
    this.receiveWindow += this.consumed;
    this.consumed = 0;
  }

  /** Forgets what waits; called once, when the stream is over. */
  release(): void {
    this.closed = true;
    if (this.outbound.length > 0) this.outbound = [];
    this.outboundEnd = false;
    this.outboundTrailers = undefined;
    if (this.inbound.length > 0) this.inbound = [];
    this.inboundTrailers = undefined;
    this.afterDelivery = undefined;
  }
}
