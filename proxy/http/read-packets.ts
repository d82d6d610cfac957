import { Socket, type SocketConstructorOpts } from 'node:net';
import { spentPackets } from './spent-packets.js';

/** What one read takes at most. */
const READ_BYTES = 64 * 1024;
/** Packets are copied next to each other into blocks of this size; larger ones get memory of their own. */
const BLOCK_BYTES = 64 * 1024;
const OWN_ABOVE = BLOCK_BYTES / 4;
/** Of TLS, bytes of plain text at most (RFC 8446 section 5.1). */
const RECORD = 16 * 1024;
/** As many packets up to that size in a row show that a connection does not carry large bodies alone, which Node's own way suits better. */
const SMALL_IN_A_ROW = 8;
/** Smaller packets bring enough garbage of V8's own with them. */
const COUNTED_ABOVE = 4 * 1024;

/** All sockets read into this one; what came is copied out before the next read. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** The properties by which a socket's `onread` option works, which only a socket that is made for it may be given. */
interface OnRead {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly next: symbol;
}

type Callback = (bytes: number, buffer: Uint8Array) => boolean;
type Reader = Socket & {
  [key: symbol]: Uint8Array | Callback | (() => Uint8Array) | null;
  readonly _handle?: { readonly useUserBuffer?: (buffer: Uint8Array) => void } | null;
};

const onRead = findOnRead();

/** Asks a socket that has the option; undefined in a Node that does it another way. */
function findOnRead(): OnRead | undefined {
  const buffer = new Uint8Array(1);
  const next = (): Uint8Array => buffer;
  const callback = (): boolean => true;
  const symbolOf = (socket: Socket, value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(socket).find((symbol) => (socket as Reader)[symbol] === value);
  // Its type knows the option of `connect()` alone.
  const having = (onread: object): Socket => new Socket({ onread } as SocketConstructorOpts);
  const fixed = having({ buffer, callback });
  const changing = having({ buffer: next, callback });
  const symbols = [symbolOf(fixed, buffer), symbolOf(changing, callback), symbolOf(changing, next)] as const;
  const [first, second, third] = symbols;
  if (first === undefined || second === undefined || third === undefined) return undefined;
  return { buffer: first, callback: second, next: third };
}

/**
 * Hands on what a socket receives, as `data` events do; nothing writes into a packet later. After some small packets
 * they go past Node's streams, and past the buffer that it allocates for each read. To be called once a socket.
 */
export function readPackets(socket: Socket, onPacket: (packet: Buffer) => void): void {
  let direct = false;
  let small = 0;
  socket.on('data', (packet: Buffer) => {
    if (packet.length > COUNTED_ABOVE) spentPackets.count(packet.length);
    onPacket(packet);
    small = packet.length > OWN_ABOVE ? 0 : small + 1;
    // What was put back or waits in the stream comes first.
    if (direct || small < SMALL_IN_A_ROW || socket.readableLength > 0) return;
    direct = readDirectly(socket as Reader, onPacket);
  });
}

function readDirectly(socket: Reader, onPacket: (packet: Buffer) => void): boolean {
  const handle = socket._handle;
  if (onRead === undefined || socket.destroyed || typeof handle?.useUserBuffer !== 'function') return false;
  const { buffer, callback, next } = onRead;
  // What TLS hands on is a record at most: several lie one behind the other in a block, and none is copied.
  const [large, room] = 'encrypted' in socket ? [RECORD / 2, RECORD] : [OWN_ABOVE + 1, READ_BYTES];
  /** What large packets are read into: they are handed on as they are. */
  let own: Buffer | undefined;
  const follow = (): Uint8Array => {
    own = own === undefined || own.length < room ? takeRest(room) : own;
    return own;
  };
  const back = (): Uint8Array => {
    socket[next] = null;
    return shared;
  };
  const taken: Callback = (bytes) => {
    if (own === undefined) {
      if (bytes > COUNTED_ABOVE) spentPackets.count(bytes);
      if (bytes >= large) socket[next] = follow;
      onPacket(copyOf(bytes));
      return true;
    }
    const packet = own.subarray(0, bytes);
    own = own.subarray(bytes);
    if (bytes < large) {
      if (own.length >= RECORD) rest = own;
      own = undefined;
      socket[next] = back;
    }
    onPacket(packet);
    return true;
  };
  socket[buffer] = shared;
  socket[callback] = taken;
  handle.useUserBuffer(shared);
  return true;
}

/** Of a block whose reader has no large packets any more. */
let rest: Buffer | undefined;

function takeRest(room: number): Buffer {
  const found = rest;
  if (found !== undefined && found.length >= room) {
    rest = undefined;
    return found;
  }
  spentPackets.count(READ_BYTES);
  return Buffer.allocUnsafeSlow(READ_BYTES);
}

let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
let used = 0;

function copyOf(bytes: number): Buffer {
  if (bytes > OWN_ABOVE) {
    const own = Buffer.allocUnsafeSlow(bytes);
    shared.copy(own, 0, 0, bytes);
    return own;
  }
  if (used + bytes > BLOCK_BYTES) {
    block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    used = 0;
  }
  const from = used;
  used += bytes;
  shared.copy(block, from, 0, bytes);
  return block.subarray(from, used);
}
