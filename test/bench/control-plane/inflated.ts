import { createHash } from 'node:crypto';
import { constants, inflateRawSync } from 'node:zlib';

/** What stands in a message, or in a part of it. */
export interface Contents {
  readonly resources: readonly (readonly [name: string, version: string])[];
  readonly removed: readonly string[];
  readonly typeUrl: string;
  readonly nonce: string;
}

/** Undefined where these octets are not whole fields. */
export type ReadPlain = (plain: Buffer) => Contents | undefined;

const HEADER = 2;
/** The last block, and the checksum, which the sample verifies. */
const TRAILER = 6;
const STORED_HEADER = 5;
/** How a flush ends (RFC 1951: an empty block, stored). */
const FLUSHED = Buffer.from([0, 0, 0xff, 0xff]);
const MOST_KEPT = 5000;

/**
 * Reads compressed messages for all sidecars of a process, which inflate the same pieces: each is inflated once, and what stands
 * in it is remembered. Real sidecars do that each on a processor of its own.
 */
export class Inflated {
  readonly #known = new Map<string, Contents>();

  constructor(private readonly readPlain: ReadPlain) {}

  /** A message is as many parts; the first has what is its own. */
  *read(message: Buffer): Generator<Contents> {
    const end = message.length - TRAILER;
    const [own, start] = stored(message, HEADER, end);
    const contents = this.readPlain(own);
    if (contents === undefined) throw new Error('a compressed message does not begin with its own fields');
    yield contents;
    for (let at = start; at < end; ) {
      const [piece, next] = this.#piece(message, at, end);
      yield piece;
      at = next;
    }
  }

  #piece(message: Buffer, start: number, end: number): readonly [Contents, number] {
    for (let from = start; from < end; ) {
      const mark = message.indexOf(FLUSHED, from);
      const next = mark === -1 || mark + FLUSHED.length > end ? end : mark + FLUSHED.length;
      const contents = this.#contents(message.subarray(start, next));
      if (contents !== undefined) return [contents, next];
      // What looked like the end of a piece stood within it.
      from = next;
    }
    throw new Error('a compressed message cannot be read');
  }

  #contents(piece: Buffer): Contents | undefined {
    const key = createHash('sha1').update(piece).digest('base64');
    let contents = this.#known.get(key);
    if (contents === undefined) {
      contents = this.readPlain(inflateRawSync(piece, { finishFlush: constants.Z_SYNC_FLUSH }));
      if (contents === undefined) return undefined;
      if (this.#known.size > MOST_KEPT) this.#known.clear();
      this.#known.set(key, contents);
    }
    return contents;
  }
}

/** What stands uncompressed at the start, and where it ends. */
function stored(message: Buffer, start: number, end: number): readonly [Buffer, number] {
  const parts: Buffer[] = [];
  let at = start;
  while (at < end && message[at] === 0) {
    const content = at + STORED_HEADER;
    at = content + message.readUInt16LE(at + 1);
    parts.push(message.subarray(content, at));
  }
  return [Buffer.concat(parts), at];
}
