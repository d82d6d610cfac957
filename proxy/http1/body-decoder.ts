import { HeaderList } from '../http/headers.js';
import { isForbiddenTrailer } from '../http/trailers.js';
import { CR, HEX, LF, VALUE } from './chars.js';
import { badMessage, Http1Error } from './errors.js';
import { Framing, parseFields } from './fields.js';

/** Receives a body's pieces; `end` is set on the last, unless trailers follow. */
export interface BodySink {
  onBody(chunk: Buffer, end: boolean): void;
  onTrailers(trailers: HeaderList): void;
}

export const EMPTY = Buffer.alloc(0);

/** Bytes of chunk extensions that one body may carry; nobody uses them but attackers. */
const MAX_EXTENSION_BYTES = 4096;
const MAX_TRAILER_BYTES = 60 * 1024;
const MAX_TRAILERS = 100;
/** Hex digits of a chunk size: 2^52 bytes, so that the sum stays exact. */
const MAX_SIZE_DIGITS = 13;

type State =
  | 'done'
  | 'length'
  | 'close'
  | 'size'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailer';

/** Takes a message body apart (RFC 9112 sections 6 and 7) without copying it. */
export class BodyDecoder {
  private state: State = 'done';
  private left = 0;
  private digits = 0;
  private extensionBytes = 0;
  private trailerText = '';
  /** A chunk that is complete but perhaps the last: what follows tells. */
  private held: Buffer | undefined;

  get done(): boolean {
    return this.state === 'done';
  }

  /** Whether only the end of the connection ends this body. */
  get untilClose(): boolean {
    return this.state === 'close';
  }

  startNone(): void {
    this.state = 'done';
  }

  startLength(length: number): void {
    this.left = length;
    this.state = length === 0 ? 'done' : 'length';
  }

  startUntilClose(): void {
    this.state = 'close';
  }

  startChunked(): void {
    this.state = 'size';
    this.left = 0;
    this.digits = 0;
    this.extensionBytes = 0;
    this.trailerText = '';
  }

  /**
   * Gives the sink what `packet` holds of this body, from `offset`. Returns the position behind the used bytes.
   * @throws Http1Error
   */
  push(packet: Buffer, offset: number, sink: BodySink): number {
    switch (this.state) {
      case 'done':
        return offset;
      case 'length': {
        const end = Math.min(packet.length, offset + this.left);
        this.left -= end - offset;
        if (this.left === 0) this.state = 'done';
        sink.onBody(slice(packet, offset, end), this.left === 0);
        return end;
      }
      case 'close':
        sink.onBody(slice(packet, offset, packet.length), false);
        return packet.length;
      default:
        return this.pushChunked(packet, offset, sink);
    }
  }

  private pushChunked(packet: Buffer, offset: number, sink: BodySink): number {
    let at = offset;
    while (at < packet.length && this.state !== 'done') {
      if (this.state === 'data') at = this.takeData(packet, at, sink);
      else if (this.state === 'trailer') at = this.takeTrailer(packet, at, sink);
      else this.step(packet[at++] ?? 0);
    }
    this.release(sink, false);
    return at;
  }

  private takeData(packet: Buffer, at: number, sink: BodySink): number {
    const end = Math.min(packet.length, at + this.left);
    this.left -= end - at;
    this.release(sink, false);
    this.held = slice(packet, at, end);
    if (this.left === 0) this.state = 'data-cr';
    return end;
  }

  private release(sink: BodySink, end: boolean): void {
    const held = this.held;
    if (held === undefined) {
      if (end) sink.onBody(EMPTY, true);
      return;
    }
    this.held = undefined;
    sink.onBody(held, end);
  }

  private step(code: number): void {
    switch (this.state) {
      case 'size':
        this.takeSizeDigit(code);
        return;
      case 'extension':
        if (code === CR) this.state = 'size-lf';
        else if (VALUE[code] !== 1 || ++this.extensionBytes > MAX_EXTENSION_BYTES) throw badMessage();
        return;
      case 'size-lf':
        if (code !== LF) throw badMessage();
        this.digits = 0;
        this.state = this.left === 0 ? 'trailer' : 'data';
        return;
      case 'data-cr':
        if (code !== CR) throw badMessage();
        this.state = 'data-lf';
        return;
      case 'data-lf':
        if (code !== LF) throw badMessage();
        this.state = 'size';
        return;
      default:
        return;
    }
  }

  private takeSizeDigit(code: number): void {
    const value = HEX[code] ?? 255;
    if (value !== 255) {
      if (++this.digits > MAX_SIZE_DIGITS) throw badMessage();
      this.left = this.left * 16 + value;
      return;
    }
    if (this.digits === 0) throw badMessage();
    if (code === CR) this.state = 'size-lf';
    else if (code === 59 /* ; */) this.state = 'extension';
    else throw badMessage();
  }

  /** Gathers the trailer section up to the empty line; the usual one is empty. */
  private takeTrailer(packet: Buffer, at: number, sink: BodySink): number {
    const before = this.trailerText.length;
    const room = MAX_TRAILER_BYTES + 4;
    const text = this.trailerText + packet.toString('latin1', at, Math.min(packet.length, at + room - before));
    if (text.startsWith('\r\n')) {
      this.state = 'done';
      this.release(sink, true);
      return at + 2 - before;
    }
    const end = text.indexOf('\r\n\r\n', Math.max(0, before - 3));
    if (end < 0) {
      if (text.length >= room) throw new Http1Error(431, 'http1.trailers_too_large');
      // Only what is new: a section that comes byte by byte would cost its square.
      if (text.startsWith('\n') || LONE.test(text.slice(Math.max(0, before - 1)))) throw badMessage();
      this.trailerText = text;
      return packet.length;
    }
    const trailers = new HeaderList();
    parseFields(text.slice(0, end + 2), 0, trailers, new Framing(), MAX_TRAILERS);
    trailers.deleteWhere(isForbiddenTrailer);
    this.state = 'done';
    this.release(sink, false);
    sink.onTrailers(trailers);
    return at + end + 4 - before;
  }
}

/** A CR or LF that ends no line. */
const LONE = /[^\r]\n|\r[^\n]/;

function slice(packet: Buffer, from: number, to: number): Buffer {
  return from === 0 && to === packet.length ? packet : packet.subarray(from, to);
}
