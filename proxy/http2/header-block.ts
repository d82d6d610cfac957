import { ERROR } from './constants.js';
import { ConnectionError } from './errors.js';

/** A block in more pieces than this has pieces for their own sake (CVE-2024-27316 and its kin). */
const MAX_CONTINUATIONS = 64;

/** A header block that comes in a HEADERS frame and CONTINUATION frames, put together within limits. */
export class HeaderBlock {
  streamId = 0;
  end = false;
  private pieces: Buffer[] = [];
  private length = 0;
  private frames = 0;

  constructor(private readonly maxBytes: number) {}

  /** Whether CONTINUATION frames must follow. */
  get open(): boolean {
    return this.streamId !== 0;
  }

  start(streamId: number, end: boolean, piece: Buffer): void {
    this.streamId = streamId;
    this.end = end;
    this.frames = 0;
    this.add(piece);
  }

  /** @throws ConnectionError */
  add(piece: Buffer): void {
    this.pieces.push(piece);
    this.length += piece.length;
    if (++this.frames > MAX_CONTINUATIONS || this.length > this.maxBytes) {
      throw new ConnectionError(ERROR.ENHANCE_YOUR_CALM, 'too_many_header_frames');
    }
  }

  /** The whole block; the next one may begin. */
  take(): Buffer {
    const block = Buffer.concat(this.pieces, this.length);
    this.pieces = [];
    this.length = 0;
    this.streamId = 0;
    return block;
  }
}
