import { ERROR, FRAME_HEADER, MAX_FRAME_SIZE } from './constants.js';
import { ConnectionError } from './errors.js';

/** Who receives frames. The payload is valid until the call returns, unless it is kept: nothing writes into it later. */
export interface FrameSink {
  /** Returns false when nothing more may be read: the connection is over. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean;
}

/** Cuts a connection's bytes into frames; only a frame that came in pieces is copied. */
export class FrameReader {
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
    while (bytes.length - at >= FRAME_HEADER) {
      const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
      if (length > MAX_FRAME_SIZE) throw new ConnectionError(ERROR.FRAME_SIZE_ERROR, 'rx_messaging_error');
      const start = at + FRAME_HEADER;
      const end = start + length;
      if (end > bytes.length) break;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      if (!sink.onFrame(bytes[at + 3] as number, bytes[at + 4] as number, streamId, bytes, start, end)) return;
      at = end;
    }
    if (at < bytes.length) this.keep(bytes, at);
  }

  private keep(bytes: Buffer, at: number): void {
    const rest = at === 0 ? bytes : bytes.subarray(at);
    this.pieces.push(rest);
    this.have = rest.length;
    this.need = FRAME_HEADER;
    if (rest.length >= FRAME_HEADER) this.need += rest.readUIntBE(0, 3);
  }
}
