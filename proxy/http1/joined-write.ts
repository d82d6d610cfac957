import type { Socket } from 'node:net';

const SLAB_BYTES = 64 * 1024;
/** Text and pieces beyond this are not worth the copy. */
export const JOINED_LIMIT = 16 * 1024;

/** Of all connections; what a socket has not passed on by the end of a write keeps its place in it. */
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let used = 0;

/**
 * Writes Latin-1 text, a piece of a body and more text, at most {@link JOINED_LIMIT} bytes, as one buffer, which costs less than text in
 * which the piece is. Returns what `write` returns.
 */
export function writeJoined(socket: Socket, before: string, piece: Uint8Array, after: string): boolean {
  const length = before.length + piece.length + after.length;
  if (used + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const start = used;
  slab.write(before, start, before.length, 'latin1');
  slab.set(piece, start + before.length);
  if (after !== '') slab.write(after, start + length - after.length, after.length, 'latin1');
  used += length;
  const open = socket.write(slab.subarray(start, used));
  // The kernel has a copy of all that was written.
  if (socket.writableLength === 0) used = start;
  return open;
}
