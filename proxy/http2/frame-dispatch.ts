import {
  ACK,
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
import { protocolError, StreamError, sizeError } from './errors.js';
import type { FrameSink } from './frame-reader.js';
import { HeaderBlock } from './header-block.js';
import { type DecodedBlock, HpackDecoder } from './hpack/decoder.js';

/** Who acts on frames that are well-formed by themselves. All may throw ConnectionError and StreamError. */
export interface FrameHandler {
  /** Nothing may be read any more. */
  readonly over: boolean;
  /** `flow` counts padding too. */
  onDataFrame(id: number, chunk: Buffer, flow: number, end: boolean): void;
  onBlock(id: number, block: DecodedBlock, end: boolean): void;
  /** A head came in part. */
  onBlockStarted(): void;
  onReset(id: number, code: number): void;
  onWindowUpdate(id: number, increment: number): void;
  onGoAway(lastStreamId: number, code: number): void;
  /** A frame that does nothing, by the name of its counter. */
  onNuisance(counter: string): void;
  onStreamError(error: StreamError): void;
}

/** Who acts on SETTINGS and PING. */
export interface ControlHandler {
  readonly settingsSeen: boolean;
  onSettingsFrame(bytes: Buffer, start: number, end: number): void;
  onPing(bytes: Buffer, start: number, end: number): void;
  onPingAck(payload: Buffer): void;
}

export interface HeadLimits {
  readonly tableSize: number;
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
}

/** Takes frames apart and checks what can be known of each by itself (RFC 9113 section 6). */
export class FrameDispatcher implements FrameSink {
  private readonly decoder: HpackDecoder;
  private readonly block: HeaderBlock;

  constructor(
    private readonly handler: FrameHandler,
    private readonly control: ControlHandler,
    { tableSize, maxHeadBytes, maxHeaders }: HeadLimits,
  ) {
    this.decoder = new HpackDecoder(tableSize, { maxListSize: maxHeadBytes, maxFields: maxHeaders });
    // A block may be larger than its list where nothing is indexed and every byte is escaped; it is never much larger.
    this.block = new HeaderBlock(maxHeadBytes * 2 + MAX_FRAME_SIZE);
  }

  /** Whether a head has begun and is not complete. */
  get inHead(): boolean {
    return this.block.open;
  }

  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): boolean {
    const { handler, block } = this;
    if (!this.control.settingsSeen && type !== FRAME.SETTINGS) throw protocolError();
    if (block.open && (type !== FRAME.CONTINUATION || id !== block.streamId)) throw protocolError();
    try {
      this.dispatch(type, flags, id, bytes, start, end);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      handler.onStreamError(error);
    }
    return !handler.over;
  }

  private dispatch(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FRAME.DATA:
        this.onData(flags, id, bytes, start, end);
        break;
      case FRAME.HEADERS:
        this.onHeaders(flags, id, bytes, start, end);
        break;
      case FRAME.CONTINUATION:
        this.onContinuation(flags, bytes, start, end);
        break;
      case FRAME.WINDOW_UPDATE:
        this.onWindowUpdate(id, bytes, start, end);
        break;
      case FRAME.RST_STREAM:
        if (id === 0) throw protocolError();
        if (end - start !== 4) throw sizeError();
        this.handler.onReset(id, bytes.readUInt32BE(start));
        break;
      case FRAME.SETTINGS:
        this.onSettings(flags, id, bytes, start, end);
        break;
      case FRAME.PING:
        this.onPing(flags, id, bytes, start, end);
        break;
      case FRAME.GOAWAY:
        if (id !== 0) throw protocolError();
        if (end - start < 8) throw sizeError();
        this.handler.onGoAway(bytes.readUInt32BE(start) & MAX_STREAM_ID, bytes.readUInt32BE(start + 4));
        break;
      case FRAME.PRIORITY:
        this.onPriority(id, bytes, start, end);
        break;
      case FRAME.PUSH_PROMISE:
        throw protocolError();
      default:
        this.handler.onNuisance('inbound_unknown_frames_flood');
    }
  }

  private onData(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError();
    let from = start;
    let to = end;
    if ((flags & PADDED) !== 0) [from, to] = unpad(bytes, start, end);
    this.handler.onDataFrame(id, bytes.subarray(from, to), end - start, (flags & END_STREAM) !== 0);
  }

  private onHeaders(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError();
    let from = start;
    let to = end;
    if ((flags & PADDED) !== 0) [from, to] = unpad(bytes, start, end);
    if ((flags & PRIORITY_FLAG) !== 0) {
      if (to - from < 5) throw sizeError();
      if ((bytes.readUInt32BE(from) & MAX_STREAM_ID) === id) throw protocolError();
      from += 5;
    }
    const last = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) this.handler.onBlock(id, this.decoder.decode(bytes, from, to), last);
    else {
      this.block.start(id, last, bytes.subarray(from, to));
      this.handler.onBlockStarted();
    }
  }

  private onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const { block } = this;
    if (!block.open) throw protocolError();
    block.add(bytes.subarray(start, end));
    if ((flags & END_HEADERS) === 0) return;
    const id = block.streamId;
    this.handler.onBlock(id, this.decoder.decode(block.take()), block.end);
  }

  private onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw sizeError();
    const increment = bytes.readUInt32BE(start) & MAX_WINDOW;
    if (increment === 0 && id === 0) throw protocolError();
    this.handler.onWindowUpdate(id, increment);
  }

  private onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocolError();
    if ((flags & ACK) === 0) {
      this.control.onSettingsFrame(bytes, start, end);
      return;
    }
    if (end !== start) throw sizeError();
    if (!this.control.settingsSeen) throw protocolError();
  }

  private onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocolError();
    if (end - start !== 8) throw sizeError();
    if ((flags & ACK) !== 0) this.control.onPingAck(bytes.subarray(start, end));
    else this.control.onPing(bytes, start, end);
  }

  private onPriority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError();
    if (end - start !== 5) throw new StreamError(id, ERROR.FRAME_SIZE_ERROR, 'rx_messaging_error');
    if ((bytes.readUInt32BE(start) & MAX_STREAM_ID) === id) {
      throw new StreamError(id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
    }
    this.handler.onNuisance('inbound_priority_frames_flood');
  }
}

function unpad(bytes: Buffer, start: number, end: number): [number, number] {
  if (end === start) throw sizeError();
  const padding = bytes[start] as number;
  const to = end - padding;
  if (to < start + 1) throw protocolError();
  return [start + 1, to];
}
