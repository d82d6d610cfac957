import { compressedPiece, type Piece, storedPiece } from './deflate.js';
import type { EncodedResource } from './encoded.js';

/** Resources that stand behind each other in many messages, compressed together: most are too small to be compressed alone. */
interface Run {
  readonly members: readonly EncodedResource[];
  readonly piece: Piece;
}

/** Octets. */
const MOST = 65_536;
const LARGE = 16_384;
const LEAST_COMPRESSED = 256;
/** What is smaller is made anew for each message: it may be one proxy's own, and would be kept for each of them. */
const LEAST_KEPT = 4096;
/** Runs end where content says so, one resource in 64: one more or less changes one run, not all behind it. */
const BORDER = 'A';

const known = new WeakMap<EncodedResource, Run>();

/** Resources in their order. Each run of them is compressed once for all messages that it stands in. */
export function piecesOf(resources: readonly EncodedResource[]): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < resources.length; ) {
    const end = endOfRun(resources, at);
    pieces.push(pieceOf(resources, at, end));
    at = end;
  }
  return pieces;
}

function endOfRun(resources: readonly EncodedResource[], start: number): number {
  let length = 0;
  for (let at = start; at < resources.length; at++) {
    const resource = resources[at];
    if (resource === undefined) break;
    const { field, version } = resource;
    if (at > start && (field.length >= LARGE || length + field.length > MOST)) return at;
    if (field.length >= LARGE || version.startsWith(BORDER)) return at + 1;
    length += field.length;
  }
  return resources.length;
}

function pieceOf(resources: readonly EncodedResource[], start: number, end: number): Piece {
  const first = resources[start];
  const run = first === undefined ? undefined : known.get(first);
  if (run?.members.length === end - start && run.members.every((member, i) => member === resources[start + i])) {
    return run.piece;
  }
  const members = resources.slice(start, end);
  const fields = members.map(({ field }) => field);
  const length = fields.reduce((sum, field) => sum + field.length, 0);
  const piece = length < LEAST_COMPRESSED ? storedPiece(fields) : compressedPiece(fields);
  if (first !== undefined && length >= LEAST_KEPT) known.set(first, { members, piece });
  return piece;
}
