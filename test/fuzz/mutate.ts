import type { Seeded } from './random.js';

/** Bytes that parsers treat specially. */
const SPECIAL = Buffer.from('\r\n\t :,;=/\\0\x00\x7f\x80\xff\x0b"1fF', 'latin1');

/** Changes a few places: bytes replaced, put in, taken out, doubled, or taken from another input. */
export function mutate(random: Seeded, input: Buffer, other: Buffer): Buffer {
  let bytes = input;
  for (let left = 1 + random.below(3); left > 0; left--) bytes = mutateOnce(random, bytes, other);
  return bytes;
}

function mutateOnce(random: Seeded, bytes: Buffer, other: Buffer): Buffer {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(random.oneIn(4) ? 40 : 4);
  const byte = random.oneIn(2) ? random.pick([...SPECIAL]) : random.below(256);
  switch (random.below(6)) {
    case 0:
      return splice(bytes, at, 1, Buffer.of(byte));
    case 1:
      return splice(bytes, at, 0, Buffer.of(byte));
    case 2:
      return splice(bytes, at, length, Buffer.alloc(0));
    case 3:
      return splice(bytes, at, 0, bytes.subarray(at, at + length));
    case 4: {
      const from = random.below(other.length + 1);
      return splice(bytes, at, random.below(2) * length, other.subarray(from, from + length * 4));
    }
    default: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << random.below(8));
      return copy;
    }
  }
}

function splice(bytes: Buffer, at: number, gone: number, put: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(Math.min(bytes.length, at + gone))]);
}
