import { HpackDecoder } from '../../../proxy/http2/hpack/decoder.js';
import { HpackEncoder } from '../../../proxy/http2/hpack/encoder.js';
import type { Seeded } from '../random.js';
import type { Finding, Target } from '../target.js';
import { integer, someFields } from './blocks.js';
import { ReferenceHpack } from './reference-hpack.js';

const LIMIT = 16_384;
const LIMITS = { maxListSize: 1 << 20, maxFields: 10_000 };

/** Blocks of one connection, each behind its length in two bytes: our decoder and a plain one, and back by our encoder. */
export const hpack: Target = {
  name: 'hpack',
  about: 'HPACK: our decoder and one that follows the RFC word by word, and what our encoder makes of the fields',
  corpus: 'hpack',
  generate(random: Seeded): Buffer {
    const often = random.pick([3, 10, 1000]);
    const parts: Buffer[] = [];
    for (let left = 1 + random.below(4); left > 0; left--) {
      const size = random.oneIn(8) ? integer(random.pick([0, 50, 200, 4096, 16_384, 16_385]), 5, 32) : Buffer.alloc(0);
      const block = Buffer.concat([size, someFields(random, often), someFields(random, often)]);
      parts.push(Buffer.of(block.length >> 8, block.length & 255), block);
    }
    return Buffer.concat(parts);
  },
  check(input): Finding {
    const ours = new HpackDecoder(LIMIT, LIMITS);
    const plain = new ReferenceHpack(LIMIT);
    const encoder = new HpackEncoder();
    const back = new ReferenceHpack(LIMIT);
    for (const block of blocksOf(input)) {
      const mine = read(() => ours.decode(block).fields.map(({ name, value }) => [name, value] as const));
      const theirs = read(() => plain.decode(block));
      if (mine === undefined && theirs === undefined) return undefined;
      const [a, b] = [text(mine), text(theirs)];
      if (a !== b) return `ours reads ${a}, the plain decoder ${b}`;
      const again = reencode(encoder, back, mine ?? []);
      if (again !== a) return `our encoder turns ${a} into ${again}`;
    }
    return undefined;
  },
};

type Fields = readonly (readonly [name: string, value: string])[];

function* blocksOf(input: Buffer): Iterable<Buffer> {
  for (let at = 0; at + 2 <= input.length; ) {
    const length = input.readUInt16BE(at);
    yield input.subarray(at + 2, at + 2 + length);
    at += 2 + length;
  }
}

function read(decode: () => Fields): Fields | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** Our decoder takes blanks off the ends of values. */
function text(fields: Fields | undefined): string {
  if (fields === undefined) return 'nothing';
  return fields.map(([name, value]) => `${name}: ${value.replace(/^[ \t]+|[ \t]+$/g, '')}`).join(' | ');
}

function reencode(encoder: HpackEncoder, back: ReferenceHpack, fields: Fields): string {
  encoder.begin();
  for (const [name, value] of fields) encoder.field(name, value);
  return text(read(() => back.decode(encoder.buffer.subarray(0, encoder.length))));
}
