/** One frame as it is on the wire (RFC 6455 section 5.2). */
export interface WsFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

export const OP = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

export interface FrameOptions {
  readonly fin?: boolean;
  /** RSV1 to RSV3 as three bits. */
  readonly reserved?: number;
  readonly masked?: boolean;
}

/** A client's frame, masked unless told otherwise. */
export function wsFrame(opcode: number, payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { fin = true, reserved = 0, masked = true } = options;
  const body = Buffer.from(payload as Buffer);
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  const length =
    body.length < 126
      ? Buffer.from([first, mask | body.length])
      : body.length < 65_536
        ? Buffer.from([first, mask | 126, body.length >>> 8, body.length & 255])
        : Buffer.concat([Buffer.from([first, mask | 127, 0, 0, 0, 0]), uint32(body.length)]);
  if (!masked) return Buffer.concat([length, body]);
  const key = Buffer.from([0x12, 0x34, 0x56, 0x78]);
  for (let i = 0; i < body.length; i++) body[i] = (body[i] as number) ^ (key[i % 4] as number);
  return Buffer.concat([length, key, body]);
}

export function closeFrame(code: number, reason: string | Buffer = ''): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return wsFrame(OP.CLOSE, Buffer.concat([head, Buffer.from(reason as Buffer)]));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Takes a server's frames out of its bytes. */
export class WsReader {
  readonly frames: WsFrame[] = [];
  private rest = Buffer.alloc(0);

  push(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    for (;;) {
      const frame = this.next();
      if (frame === undefined) return;
      this.frames.push(frame);
    }
  }

  private next(): WsFrame | undefined {
    const { rest } = this;
    if (rest.length < 2) return undefined;
    const [first = 0, second = 0] = rest;
    const short = second & 0x7f;
    const at = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (rest.length < at) return undefined;
    const length = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    if (rest.length < at + length) return undefined;
    this.rest = rest.subarray(at + length);
    return { fin: (first & 0x80) !== 0, opcode: first & 15, payload: rest.subarray(at, at + length) };
  }
}
