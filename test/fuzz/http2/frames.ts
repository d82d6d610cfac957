import { FRAME, FRAME_HEADER, MAX_FRAME_SIZE } from '../../../proxy/http2/constants.js';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** The frames that were written; a string says what is wrong with them. */
export function framesOf(bytes: Buffer): readonly Frame[] | string {
  const frames: Frame[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < FRAME_HEADER) return 'the output ends within the head of a frame';
    const length = bytes.readUIntBE(at, 3);
    const end = at + FRAME_HEADER + length;
    if (length > MAX_FRAME_SIZE) return `a frame of ${length} bytes was sent`;
    if (end > bytes.length) return 'the output ends within a frame';
    const type = bytes[at + 3] ?? 0;
    if (type > FRAME.CONTINUATION) return `a frame of type ${type} was sent`;
    const payload = bytes.subarray(at + FRAME_HEADER, end);
    frames.push({ type, flags: bytes[at + 4] ?? 0, id: bytes.readUInt32BE(at + 5) & 0x7fffffff, payload });
    at = end;
  }
  return faultOf(frames) ?? frames;
}

function faultOf(frames: readonly Frame[]): string | undefined {
  const ended = new Set<number>();
  let over = false;
  for (const { type, flags, id, payload } of frames) {
    if (over && type !== FRAME.GOAWAY) return `a frame of type ${type} was sent behind the last GOAWAY`;
    if (type === FRAME.GOAWAY) over = payload.readUInt32BE(4) !== 0;
    if ((type === FRAME.HEADERS || type === FRAME.DATA) && ended.has(id))
      return `a message went on behind its end on ${id}`;
    if (type === FRAME.RST_STREAM || ((type === FRAME.HEADERS || type === FRAME.DATA) && (flags & 1) !== 0))
      ended.add(id);
  }
  return undefined;
}
