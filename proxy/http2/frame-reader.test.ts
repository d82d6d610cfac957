import { describe, expect, it } from 'vitest';
import { END_STREAM, FRAME } from './constants.js';
import { FrameReader } from './frame-reader.js';

interface Seen {
  readonly type: number;
  readonly end: boolean;
  readonly text: string;
}

function frame(type: number, flags: number, payload: string): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(1, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
}

function read(packets: readonly Buffer[]): Seen[] {
  const reader = new FrameReader();
  const seen: Seen[] = [];
  for (const packet of packets) {
    reader.push(packet, {
      onFrame: (type, flags, _id, bytes, start, end) => {
        seen.push({ type, end: (flags & END_STREAM) !== 0, text: bytes.toString('latin1', start, end) });
        return true;
      },
    });
  }
  return seen;
}

const LARGE = 'abcdefgh'.repeat(1000);
const bytes = Buffer.concat([
  frame(FRAME.DATA, 0, LARGE),
  frame(FRAME.HEADERS, 0, 'head'),
  frame(FRAME.DATA, END_STREAM, LARGE),
]);

describe('a connection in pieces', () => {
  it.each([1, 7, 8, 9, 10, 1000, 8009, 8010, 8022, 20_000])('hands on the same in packets of %i bytes', (size) => {
    const packets: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) packets.push(bytes.subarray(at, at + size));
    const seen = read(packets);
    const ends = seen.flatMap(({ end }, index) => (end ? [index] : []));
    expect(ends).toEqual([seen.length - 1]);
    const heads = seen.filter(({ type }) => type === FRAME.HEADERS);
    expect(heads.map(({ text }) => text)).toEqual(['head']);
    const before = seen.slice(
      0,
      seen.findIndex(({ type }) => type === FRAME.HEADERS),
    );
    expect(before.map(({ text }) => text).join('')).toBe(LARGE);
    expect(seen.flatMap(({ type, text }) => (type === FRAME.DATA ? [text] : [])).join('')).toBe(LARGE + LARGE);
  });

  it('waits for the whole of a small frame of DATA', () => {
    const small = frame(FRAME.DATA, END_STREAM, 'message');
    expect(read([small.subarray(0, 12), small.subarray(12)])).toEqual([
      { type: FRAME.DATA, end: true, text: 'message' },
    ]);
  });
});
