import type { Socket } from 'node:net';

/**
 * Just enough of HTTP/2 for a load generator and for its application: frames are read and written by hand, header blocks
 * are bytes made once, and what one packet causes is written at once.
 */
export const FRAME = { data: 0, headers: 1, rst: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 };
export const END_STREAM = 1;
export const END_HEADERS = 4;
const ACK = 1;
const PADDED = 8;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const HEADER_BYTES = 9;
const DEFAULT_WINDOW = 65_535;
const MAX_WINDOW = 2 ** 31 - 1;
const INITIAL_WINDOW_SIZE = 4;
/** What is left of our own window on the connection when it is filled again. */
const REFILL_BELOW = 2 ** 30;
const MAX_DATA = 16_384;

export type Field = readonly [name: string, value: string];

/** A list of headers for one connection: spelled out the first time, and by its entries in the dynamic table from then on. */
export interface HeaderBlocks {
  readonly first: Buffer;
  readonly again: Buffer;
}

const FIRST_DYNAMIC = 62;
/** Static table: names and values that stand for themselves. */
const STATIC = new Map([
  [':method GET', 2],
  [':method POST', 3],
  [':path /', 4],
  [':scheme http', 6],
  [':status 200', 8],
]);

/** Only one list may be used on a connection, as its entries count from the newest. */
export function headerBlocks(fields: readonly Field[]): HeaderBlocks {
  const inserted = fields.filter((field) => !STATIC.has(field.join(' ')));
  const first: Buffer[] = [];
  const again: number[] = [];
  for (const field of fields) {
    const index = STATIC.get(field.join(' '));
    if (index === undefined) again.push(0x80 | (FIRST_DYNAMIC + inserted.length - 1 - inserted.indexOf(field)));
    else again.push(0x80 | index);
    first.push(index === undefined ? literal(0x40, field) : Buffer.from([0x80 | index]));
  }
  return { first: Buffer.concat(first), again: Buffer.from(again) };
}

/** A header block that leaves the table alone. */
export function plainBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map((field) => {
      const index = STATIC.get(field.join(' '));
      return index === undefined ? literal(0, field) : Buffer.from([0x80 | index]);
    }),
  );
}

/** Names and values below 127 bytes. */
function literal(prefix: number, [name, value]: Field): Buffer {
  return Buffer.concat([
    Buffer.from([prefix, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export interface Http2Events {
  /** The start of a header block that says `:status: 200` is recognised by its first byte, 0x88. */
  headers(stream: number, block: Buffer, end: boolean): void;
  data(stream: number, bytes: Buffer, end: boolean): void;
  /** The stream is over without its end. */
  reset(stream: number): void;
}

interface Repeated {
  readonly one: Buffer;
  readonly burst: number;
  readonly after: Buffer;
  left: number;
  /** Goes on in the next turn. */
  due: boolean;
}

/** Either end of a connection. Takes whatever comes, and sends no more than the peer's windows let it. */
export class Http2Peer {
  private rest: Buffer | undefined;
  private out: Buffer[] = [];
  private scheduled = false;
  private preface: number;
  private received = 0;
  private window = DEFAULT_WINDOW;
  private initialWindow = DEFAULT_WINDOW;
  private readonly windows = new Map<number, number>();
  private readonly waiting = new Map<number, { bytes: Buffer; after: Buffer }>();
  private readonly repeating = new Map<number, Repeated>();

  constructor(
    private readonly socket: Socket,
    client: boolean,
    private readonly events: Http2Events,
  ) {
    this.preface = client ? 0 : PREFACE.length;
    if (client) this.out.push(PREFACE);
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
    settings.writeUInt32BE(MAX_WINDOW, 2);
    this.write(frame(FRAME.settings, 0, 0, settings));
    this.write(frame(FRAME.windowUpdate, 0, 0, uint32(MAX_WINDOW - DEFAULT_WINDOW)));
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('error', () => socket.destroy());
  }

  /** Sent with everything else of this tick. */
  write(bytes: Buffer): void {
    this.out.push(bytes);
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      const [only] = this.out;
      if (!this.socket.destroyed) this.socket.write(this.out.length === 1 && only ? only : Buffer.concat(this.out));
      this.out = [];
    });
  }

  /** Whole frames of DATA are made of `bytes` as the windows open; `after`, frames too, follows them. */
  send(stream: number, bytes: Buffer, after: Buffer): void {
    if (!this.windows.has(stream)) this.windows.set(stream, this.initialWindow);
    const before = this.waiting.get(stream);
    if (before === undefined) this.waiting.set(stream, { bytes, after });
    else this.waiting.set(stream, { bytes: Buffer.concat([before.bytes, bytes]), after });
    this.drain(stream);
  }

  /** `count` times the frame of DATA `one`, at most `burst` of them in a turn of the loop; `after` follows them. */
  sendFrames(stream: number, one: Buffer, count: number, burst: number, after: Buffer): void {
    const own = Buffer.from(one);
    own.writeUInt32BE(stream, 5);
    this.windows.set(stream, this.initialWindow);
    this.repeating.set(stream, { one: own, burst, after, left: count, due: false });
    this.repeat(stream);
  }

  private repeat(stream: number): void {
    const what = this.repeating.get(stream);
    if (what === undefined || what.due) return;
    const size = what.one.length - HEADER_BYTES;
    let window = this.windows.get(stream) ?? 0;
    let now = 0;
    while (now < what.burst && what.left > 0 && size <= window && size <= this.window) {
      this.write(what.one);
      window -= size;
      this.window -= size;
      what.left--;
      now++;
    }
    this.windows.set(stream, window);
    if (what.left === 0) {
      this.repeating.delete(stream);
      this.windows.delete(stream);
      this.write(what.after);
    } else if (now === what.burst) {
      what.due = true;
      setImmediate(() => {
        what.due = false;
        this.repeat(stream);
      });
    }
  }

  private drain(stream: number): void {
    if (this.repeating.has(stream)) this.repeat(stream);
    const waiting = this.waiting.get(stream);
    if (waiting === undefined) return;
    let { bytes } = waiting;
    let window = this.windows.get(stream) ?? 0;
    while (bytes.length > 0) {
      const size = Math.min(bytes.length, window, this.window, MAX_DATA);
      if (size <= 0) break;
      this.write(frame(FRAME.data, 0, stream, bytes.subarray(0, size)));
      bytes = bytes.subarray(size);
      window -= size;
      this.window -= size;
    }
    if (bytes.length === 0) {
      this.waiting.delete(stream);
      this.windows.delete(stream);
      this.write(waiting.after);
    } else {
      this.windows.set(stream, window);
      this.waiting.set(stream, { bytes, after: waiting.after });
    }
  }

  private read(chunk: Buffer): void {
    let data = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    this.rest = undefined;
    if (this.preface > 0) {
      if (data.length < this.preface) {
        this.rest = data;
        return;
      }
      data = data.subarray(this.preface);
      this.preface = 0;
    }
    while (data.length >= HEADER_BYTES) {
      const length = data.readUIntBE(0, 3);
      if (data.length < HEADER_BYTES + length) break;
      const stream = data.readUInt32BE(5) & 0x7fff_ffff;
      this.dispatch(data[3] ?? 0, data[4] ?? 0, stream, data.subarray(HEADER_BYTES, HEADER_BYTES + length));
      data = data.subarray(HEADER_BYTES + length);
    }
    if (data.length > 0) this.rest = data;
  }

  private dispatch(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === FRAME.data) {
      this.count(payload.length);
      const padding = (flags & PADDED) === 0 ? 0 : (payload[0] ?? 0) + 1;
      const bytes = padding === 0 ? payload : payload.subarray(1, payload.length - padding + 1);
      this.events.data(stream, bytes, (flags & END_STREAM) !== 0);
    } else if (type === FRAME.headers) this.events.headers(stream, payload, (flags & END_STREAM) !== 0);
    else if (type === FRAME.rst) this.forget(stream);
    else if (type === FRAME.settings && (flags & ACK) === 0) this.settings(payload);
    else if (type === FRAME.ping && (flags & ACK) === 0) this.write(frame(FRAME.ping, ACK, 0, payload));
    else if (type === FRAME.windowUpdate) this.opened(stream, payload.readUInt32BE(0));
  }

  private forget(stream: number): void {
    this.waiting.delete(stream);
    this.repeating.delete(stream);
    this.windows.delete(stream);
    this.events.reset(stream);
  }

  private count(bytes: number): void {
    this.received += bytes;
    if (MAX_WINDOW - this.received > REFILL_BELOW) return;
    this.write(frame(FRAME.windowUpdate, 0, 0, uint32(this.received)));
    this.received = 0;
  }

  private settings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== INITIAL_WINDOW_SIZE) continue;
      const size = payload.readUInt32BE(at + 2);
      for (const [stream, window] of this.windows) this.windows.set(stream, window + size - this.initialWindow);
      this.initialWindow = size;
    }
    this.write(frame(FRAME.settings, ACK, 0, Buffer.alloc(0)));
    this.drainAll();
  }

  private drainAll(): void {
    for (const stream of [...this.waiting.keys(), ...this.repeating.keys()]) this.drain(stream);
  }

  private opened(stream: number, by: number): void {
    if (stream === 0) {
      this.window += by;
      this.drainAll();
    } else if (this.windows.has(stream)) {
      this.windows.set(stream, (this.windows.get(stream) ?? 0) + by);
      this.drain(stream);
    }
  }
}
