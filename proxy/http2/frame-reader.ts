import { END_STREAM, ERROR, FRAME, FRAME_HEADER, MAX_FRAME_SIZE, PADDED } from './constants.js';
import { ConnectionError } from './errors.js';

/** Who receives frames. The payload is valid until the call returns, unless it is kept: nothing writes into it later. */
export interface FrameSink {
  /** Returns false when nothing more may be read: the connection is over. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean;
}

/** DATA from this size on is handed on in the pieces in which it comes. */
const PIECEWISE = 4096;

/**
 * Cuts a connection's bytes into frames. A frame that came in pieces is copied, but for one of much DATA: its pieces are
 * handed on as so many frames.
 */
export class FrameReader {
  /** What is missing of a frame of DATA that is handed on in pieces. */
  private left = 0;
  private leftFlags = 0;
  private leftStream = 0;
  private pieces: Buffer[] = [];
  private have = 0;
  private need = 0;

  /** @throws ConnectionError for a frame that is larger than we allow */
  push(packet: Buffer, sink: FrameSink): void {
    let bytes = packet;
    if (this.have > 0) {
      this.pieces.push(packet);
      this.have += packet.length;
      if (this.have < this.need) return;
      bytes = Buffer.concat(this.pieces, this.have);
      this.pieces = [];
      this.have = 0;
    }
    let at = 0;
    if (this.left > 0) {
      at = Math.min(this.left, bytes.length);
      if (!this.piece(bytes, 0, at, sink)) return;
    }
    while (bytes.length - at >= FRAME_HEADER) {
      const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
      if (length > MAX_FRAME_SIZE) throw new ConnectionError(ERROR.FRAME_SIZE_ERROR, 'rx_messaging_error');
      const start = at + FRAME_HEADER;
      const end = start + length;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      if (end > bytes.length) {
        const flags = bytes[at + 4] as number;
        if (bytes[at + 3] !== FRAME.DATA || length < PIECEWISE || (flags & PADDED) !== 0 || start >= bytes.length)
          break;
        this.left = length;
        this.leftFlags = flags;
        this.leftStream = streamId;
        this.piece(bytes, start, bytes.length, sink);
        return;
      }
      if (!sink.onFrame(bytes[at + 3] as number, bytes[at + 4] as number, streamId, bytes, start, end)) return;
      at = end;
    }
    if (at < bytes.length) this.keep(bytes, at);
  }

  /** Part of a frame of DATA; the last one has its flags. Returns false when nothing more may be read. */
  private piece(bytes: Buffer, start: number, end: number, sink: FrameSink): boolean {
    this.left -= end - start;
    const flags = this.left === 0 ? this.leftFlags : this.leftFlags & ~END_STREAM;
    return sink.onFrame(FRAME.DATA, flags, this.leftStream, bytes, start, end);
  }

  private keep(bytes: Buffer, at: number): void {
    const rest = at === 0 ? bytes : bytes.subarray(at);
    this.pieces.push(rest);
    this.have = rest.length;
    this.need = FRAME_HEADER;
    if (rest.length >= FRAME_HEADER) this.need += rest.readUIntBE(0, 3);
  }
}
