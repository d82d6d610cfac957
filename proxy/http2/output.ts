import type { Socket } from 'node:net';
import { FRAME, FRAME_HEADER, MAX_FRAME_SIZE } from './constants.js';

/** Payloads up to this size are copied next to their header: one write costs more than the copy. */
export const COPY_LIMIT = 8 * 1024;
/** As much as one write of a turn mostly has, and seven TLS records of a body: five or eight of them at a time cost a tenth more. */
const SLAB = 112 * 1024;
/** Slabs that wait for the next connection that has something to write. */
const MAX_FREE = 4;
/** From here on a write is worth no copy, and a slow socket that keeps the slab does not keep much more than it was given. */
const DIRECT = 4 * 1024;
const NO_SLAB = Buffer.alloc(0);
/** What TLS puts into one record at most (RFC 8446 section 5.1). */
const RECORD = 16 * 1024;
/** Waiting bytes beyond this leave at once. */
const FLUSH_LIMIT = 128 * 1024;

/**
 * Serializes frames and gathers all that is written within one turn of the event loop into one write, so that the
 * requests of many connections share a TLS record and a system call.
 */
export class FrameOutput {
  /** Where frames are written; of no length while nothing waits. */
  private slab: Buffer = NO_SLAB;
  private used = 0;
  private parts: Buffer[] = [];
  private partBytes = 0;
  private scheduled = false;
  private ending = false;
  private blockedNow = false;
  private readonly socket: Socket;
  private readonly encrypted: boolean;
  /** Payloads up to this size are copied. What TLS is given in pieces Node joins itself, in memory that is new each time. */
  private readonly copyLimit: number;

  constructor(socket: Socket) {
    this.socket = socket;
    this.encrypted = isEncrypted(socket);
    this.copyLimit = this.encrypted ? MAX_FRAME_SIZE : COPY_LIMIT;
  }

  /** Whether the peer is slow: data should wait for the socket's `drain`. */
  get isBlocked(): boolean {
    return this.blockedNow;
  }

  /**
   * Payload of a frame of DATA that ends where a TLS record of this write will: what reads it gets the frame in one piece,
   * and need not join two. Whole frames where the end is too near.
   */
  get dataRoom(): number {
    const room = RECORD - ((this.used + this.partBytes) % RECORD) - FRAME_HEADER;
    return room < COPY_LIMIT / 2 ? MAX_FRAME_SIZE : room;
  }

  /** To be called on the socket's `drain`. */
  drained(): void {
    this.blockedNow = false;
  }

  /** A frame with its payload. A payload that is not copied must not change any more. */
  frame(type: number, flags: number, streamId: number, payload: Buffer, start = 0, end = payload.length): void {
    const length = end - start;
    const copied = length <= this.copyLimit;
    this.head(length, type, flags, streamId, copied ? length : 0);
    if (copied) {
      payload.copy(this.slab, this.used, start, end);
      this.used += length;
      if (this.used > SLAB - DIRECT) this.flush();
      return;
    }
    this.seal();
    this.parts.push(start === 0 && end === payload.length ? payload : payload.subarray(start, end));
    this.partBytes += length;
    if (this.partBytes > FLUSH_LIMIT) this.flush();
  }

  windowUpdate(streamId: number, increment: number): void {
    this.head(4, FRAME.WINDOW_UPDATE, 0, streamId, 4);
    this.uint32(increment);
  }

  reset(streamId: number, code: number): void {
    this.head(4, FRAME.RST_STREAM, 0, streamId, 4);
    this.uint32(code);
  }

  goAway(lastStreamId: number, code: number): void {
    // The reason goes to the counters, not to whoever caused it.
    this.head(8, FRAME.GOAWAY, 0, 0, 8);
    this.uint32(lastStreamId);
    this.uint32(code);
  }

  /** Raw bytes: the connection preface. */
  raw(bytes: Buffer): void {
    this.reserve(bytes.length);
    bytes.copy(this.slab, this.used);
    this.used += bytes.length;
    this.schedule();
  }

  /** Half-closes the socket after everything that was written. */
  end(): void {
    this.ending = true;
    this.schedule();
  }

  flush(): void {
    const { socket } = this;
    if (this.used === 0 && this.parts.length === 0) return;
    if (this.parts.length === 0 && this.used >= DIRECT) {
      if (this.encrypted) {
        this.lendSlab();
        return;
      }
      if (socket.writableLength === 0) {
        this.flushSlab();
        return;
      }
    }
    this.seal();
    this.giveBack();
    const { parts } = this;
    this.parts = [];
    this.partBytes = 0;
    if (!socket.writable) return;
    if (parts.length === 1) {
      this.blockedNow = !socket.write(parts[0] as Buffer);
      return;
    }
    socket.cork();
    for (const part of parts) this.blockedNow = !socket.write(part);
    socket.uncork();
  }

  private head(length: number, type: number, flags: number, streamId: number, room: number): void {
    this.reserve(FRAME_HEADER + room);
    const { slab } = this;
    let at = this.used;
    slab[at++] = length >>> 16;
    slab[at++] = length >>> 8;
    slab[at++] = length;
    slab[at++] = type;
    slab[at++] = flags;
    this.used = at;
    this.uint32(streamId);
    this.schedule();
  }

  private uint32(value: number): void {
    const { slab } = this;
    let at = this.used;
    slab[at++] = value >>> 24;
    slab[at++] = value >>> 16;
    slab[at++] = value >>> 8;
    slab[at++] = value;
    this.used = at;
  }

  private reserve(room: number): void {
    if (this.used + room <= this.slab.length) return;
    if (this.encrypted) this.flush();
    else this.seal();
    if (this.slab.length < room) this.slab = free.pop() ?? Buffer.allocUnsafeSlow(SLAB);
  }

  /** What the kernel takes at once needs no copy. */
  private flushSlab(): void {
    const { socket, slab, used } = this;
    this.used = 0;
    if (socket.writable) this.blockedNow = !socket.write(slab.subarray(0, used));
    // Otherwise it is the socket's now.
    if (socket.writableLength === 0) this.giveBack();
    else this.slab = NO_SLAB;
  }

  /** TLS has taken the slab's bytes when it calls back. */
  private lendSlab(): void {
    const { socket, slab, used } = this;
    this.used = 0;
    this.slab = NO_SLAB;
    if (socket.writable) this.blockedNow = !socket.write(slab.subarray(0, used), () => keep(slab));
    else keep(slab);
  }

  private giveBack(): void {
    keep(this.slab);
    this.slab = NO_SLAB;
  }

  /** Copies what is in the slab out of it, because a socket keeps what it is given. */
  private seal(): void {
    if (this.used === 0) return;
    this.parts.push(Buffer.from(this.slab.subarray(0, this.used)));
    this.partBytes += this.used;
    this.used = 0;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(flushScheduled, this);
  }

  /** @internal */
  onTurnEnd(): void {
    this.scheduled = false;
    this.flush();
    if (this.ending && !this.socket.writableEnded) this.socket.end();
  }
}

/** Slabs that nobody uses, of all connections. */
const free: Buffer[] = [];

function keep(slab: Buffer): void {
  if (slab.length > 0 && free.length < MAX_FREE) free.push(slab);
}

function isEncrypted(socket: Socket): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}

function flushScheduled(output: FrameOutput): void {
  output.onTurnEnd();
}
