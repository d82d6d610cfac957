import type { Socket } from 'node:net';

/**
 * One end of an HTTP/2 connection, as little as a load generator needs: it costs less than what it measures. Windows of
 * both directions are kept; priorities, pushes and unknown frames are ignored, and header blocks are not decoded.
 */
export interface EndpointEvents {
  /** `block` is HPACK as it came; blocks in several frames come without what continues them. */
  readonly onHeaders: (stream: number, block: Buffer, ended: boolean) => void;
  readonly onData?: (stream: number, data: Buffer, ended: boolean) => void;
  readonly onReset?: (stream: number) => void;
  /** The connection ended, or its peer wants it to. */
  readonly onClose?: () => void;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;

const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;

const MAX_CONCURRENT_STREAMS = 3;
const INITIAL_WINDOW_SIZE = 4;
const HEAD = 9;
const FRAME = 16_384;
const DEFAULT_WINDOW = 65_535;
const OUR_WINDOW = 16 * 1024 * 1024;

interface Queued {
  readonly stream: number;
  data: Buffer;
  readonly end: boolean;
}

export class Endpoint {
  private rest: Buffer | undefined;
  private prefaceLeft: number;
  private readonly output: Buffer[] = [];
  private flushing = false;
  private received = 0;
  private window = DEFAULT_WINDOW;
  private streamWindow = DEFAULT_WINDOW;
  /** What is left of the windows of streams that have sent something. */
  private readonly windows = new Map<number, number>();
  private queue: Queued[] = [];

  constructor(
    readonly socket: Socket,
    side: 'client' | 'server',
    private readonly events: EndpointEvents,
  ) {
    this.prefaceLeft = side === 'server' ? PREFACE.length : 0;
    if (side === 'client') this.output.push(PREFACE);
    this.frame(SETTINGS, 0, 0, settings([MAX_CONCURRENT_STREAMS, 100_000], [INITIAL_WINDOW_SIZE, OUR_WINDOW]));
    this.frame(WINDOW_UPDATE, 0, 0, uint32(OUR_WINDOW - DEFAULT_WINDOW));
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.events.onClose?.());
  }

  /** Bytes of bodies that wait for a window. */
  get waiting(): number {
    return this.queue.reduce((sum, { data }) => sum + data.length, 0);
  }

  headers(stream: number, block: Buffer, end: boolean): void {
    this.frame(HEADERS, END_HEADERS | (end ? END_STREAM : 0), stream, block);
  }

  /** Waits for windows where they are used up. */
  data(stream: number, data: Buffer, end: boolean): void {
    if (this.queue.length > 0) this.queue.push({ stream, data, end });
    else this.sendData({ stream, data, end });
  }

  /** Trailers after a body that waits have to wait, too: ask `waiting` first. */
  reset(stream: number): void {
    this.frame(RST_STREAM, 0, stream, uint32(8));
    this.windows.delete(stream);
  }

  close(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    let data = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    if (this.prefaceLeft > 0) {
      const skipped = Math.min(this.prefaceLeft, data.length);
      this.prefaceLeft -= skipped;
      data = data.subarray(skipped);
    }
    let at = 0;
    while (data.length - at >= HEAD) {
      const length = data.readUIntBE(at, 3);
      if (data.length - at < HEAD + length) break;
      const stream = data.readUInt32BE(at + 5) & 0x7fff_ffff;
      const payload = data.subarray(at + HEAD, at + HEAD + length);
      this.dispatch(data[at + 3] ?? 0, data[at + 4] ?? 0, stream, payload);
      at += HEAD + length;
    }
    this.rest = at < data.length ? data.subarray(at) : undefined;
    this.flush();
  }

  private dispatch(type: number, flags: number, stream: number, payload: Buffer): void {
    const ended = (flags & END_STREAM) !== 0;
    switch (type) {
      case DATA:
        this.replenish(stream, payload.length, ended);
        this.events.onData?.(stream, unpadded(flags, payload), ended);
        break;
      case HEADERS: {
        const block = unpadded(flags, payload);
        this.events.onHeaders(stream, (flags & PRIORITY) === 0 ? block : block.subarray(5), ended);
        break;
      }
      case RST_STREAM:
        this.windows.delete(stream);
        this.events.onReset?.(stream);
        break;
      case SETTINGS:
        if ((flags & ACK) !== 0) break;
        this.onSettings(payload);
        this.frame(SETTINGS, ACK, 0, Buffer.alloc(0));
        break;
      case PING:
        if ((flags & ACK) === 0) this.frame(PING, ACK, 0, payload);
        break;
      case GOAWAY:
        this.events.onClose?.();
        break;
      case WINDOW_UPDATE:
        this.onWindow(stream, payload.readUInt32BE(0));
        break;
    }
  }

  /** The connection's window in large steps; a stream's as soon as something came, unless that was all. */
  private replenish(stream: number, bytes: number, ended: boolean): void {
    this.received += bytes;
    if (this.received >= OUR_WINDOW / 4) {
      this.frame(WINDOW_UPDATE, 0, 0, uint32(this.received));
      this.received = 0;
    }
    if (!ended && bytes > 0) this.frame(WINDOW_UPDATE, 0, stream, uint32(bytes));
  }

  private onSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== INITIAL_WINDOW_SIZE) continue;
      const size = payload.readUInt32BE(at + 2);
      const more = size - this.streamWindow;
      this.streamWindow = size;
      for (const [stream, left] of this.windows) this.windows.set(stream, left + more);
    }
    this.sendQueued();
  }

  private onWindow(stream: number, more: number): void {
    if (stream === 0) this.window += more;
    else {
      const left = this.windows.get(stream);
      if (left !== undefined) this.windows.set(stream, left + more);
    }
    this.sendQueued();
  }

  private sendQueued(): void {
    if (this.queue.length === 0) return;
    const waiting = this.queue;
    this.queue = [];
    for (const one of waiting) this.sendData(one);
  }

  private sendData(one: Queued): void {
    const { stream, end } = one;
    let left = this.windows.get(stream) ?? this.streamWindow;
    do {
      const size = Math.min(one.data.length, FRAME, left, this.window);
      if (size <= 0 && one.data.length > 0) {
        this.windows.set(stream, left);
        this.queue.push(one);
        return;
      }
      const last = size === one.data.length;
      this.frame(DATA, last && end ? END_STREAM : 0, stream, one.data.subarray(0, size));
      one.data = one.data.subarray(size);
      left -= size;
      this.window -= size;
    } while (one.data.length > 0);
    if (end) this.windows.delete(stream);
    else this.windows.set(stream, left);
  }

  /** The stream is over for both. */
  forget(stream: number): void {
    this.windows.delete(stream);
  }

  private frame(type: number, flags: number, stream: number, payload: Buffer): void {
    const frame = Buffer.allocUnsafe(HEAD + payload.length);
    frame.writeUIntBE(payload.length, 0, 3);
    frame[3] = type;
    frame[4] = flags;
    frame.writeUInt32BE(stream, 5);
    payload.copy(frame, HEAD);
    this.output.push(frame);
    if (this.flushing) return;
    this.flushing = true;
    process.nextTick(() => this.flush());
  }

  /** All of a tick in one write. */
  private flush(): void {
    this.flushing = false;
    if (this.output.length === 0 || this.socket.destroyed) return;
    this.socket.write(this.output.length === 1 ? (this.output[0] ?? '') : Buffer.concat(this.output));
    this.output.length = 0;
  }
}

function unpadded(flags: number, payload: Buffer): Buffer {
  return (flags & PADDED) === 0 ? payload : payload.subarray(1, payload.length - (payload[0] ?? 0));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.allocUnsafe(pairs.length * 6);
  for (const [index, [name, value]] of pairs.entries()) {
    bytes.writeUInt16BE(name, index * 6);
    bytes.writeUInt32BE(value, index * 6 + 2);
  }
  return bytes;
}
