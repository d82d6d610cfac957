import { randomBytes } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { checksumOf, compressedPiece, type Piece, storedPiece, zlibStream } from './deflate.js';

/** Octets of which some compress and some do not. */
function octets(length: number): Buffer {
  const half = randomBytes(Math.ceil(length / 2));
  return Buffer.concat([half, Buffer.alloc(length - half.length, 0xff)]);
}

it.each([0, 1, 2, 3799, 3800, 3801, 65_536, 1_000_003])('finds the checksum of %i octets, as zlib does', (length) => {
  const plain = octets(length);
  expect(checksumOf(plain)).toBe(deflateSync(plain).readUInt32BE(deflateSync(plain).length - 4));
});

it('finds the checksum where all sums are at their largest', () => {
  const plain = Buffer.alloc(500_000, 0xff);
  expect(checksumOf(plain)).toBe(deflateSync(plain).readUInt32BE(deflateSync(plain).length - 4));
});

const KINDS: Readonly<Record<string, (parts: readonly Buffer[]) => Piece>> = { storedPiece, compressedPiece };

const STREAMS: readonly (readonly [kind: string, length: number])[][] = [
  [],
  [['storedPiece', 0]],
  [['compressedPiece', 0]],
  [['storedPiece', 65_535]],
  [['storedPiece', 65_536]],
  [['storedPiece', 200_000]],
  [
    ['storedPiece', 100],
    ['compressedPiece', 65_521],
    ['compressedPiece', 1],
    ['compressedPiece', 65_520 * 3 + 5],
    ['storedPiece', 0],
    ['compressedPiece', 400_000],
  ],
  Array.from({ length: 200 }, (_, i) => [i % 3 === 0 ? 'storedPiece' : 'compressedPiece', i * i] as const),
];

it.each(STREAMS.map((stream) => [stream] as const))('pieces behind each other are a stream of zlib: %j', (stream) => {
  const plain = stream.map(([, length]) => octets(length));
  const pieces = stream.map(([kind], i) => KINDS[kind]!([plain[i]!.subarray(0, 7), plain[i]!.subarray(7)]));
  // Its checksum is verified by zlib.
  expect(inflateSync(Buffer.concat(zlibStream(pieces))).equals(Buffer.concat(plain))).toBe(true);
});

it('a piece stands in any stream, whatever is before it', () => {
  const shared = compressedPiece([Buffer.from('the same words again and again and again, '.repeat(50))]);
  const streams = ['a', 'the same words'].map((own) => [storedPiece([Buffer.from(own)]), shared, shared]);
  const texts = streams.map((pieces) => inflateSync(Buffer.concat(zlibStream(pieces))).toString());
  expect(texts).toEqual(
    ['a', 'the same words'].map((own) => own + 'the same words again and again and again, '.repeat(100)),
  );
});
