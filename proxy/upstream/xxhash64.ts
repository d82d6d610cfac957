import type { Random } from '../../common/runtime/clock.js';

const MASK = 0xffffffffffffffffn;
const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

/** XXH64 (xxHash specification, 0.1.1) of UTF-8 text or bytes: the hash by which Envoy places requests and hosts. */
export function xxHash64(input: string | Uint8Array, seed = 0n): bigint {
  const bytes = typeof input === 'string' ? Buffer.from(input, 'utf8') : input;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.byteLength;
  let position = 0;
  let hash: bigint;
  if (length >= 32) {
    const lanes: [bigint, bigint, bigint, bigint] = [seed + P1 + P2, seed + P2, seed, seed - P1];
    for (; position <= length - 32; position += 32) {
      for (let lane = 0; lane < 4; lane++) {
        lanes[lane] = round(lanes[lane] ?? 0n, view.getBigUint64(position + lane * 8, true));
      }
    }
    hash = rotate(lanes[0], 1n) + rotate(lanes[1], 7n) + rotate(lanes[2], 12n) + rotate(lanes[3], 18n);
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * P1 + P4) & MASK;
  } else {
    hash = seed + P5;
  }
  hash = (hash + BigInt(length)) & MASK;
  for (; position <= length - 8; position += 8) {
    hash = (rotate(hash ^ round(0n, view.getBigUint64(position, true)), 27n) * P1 + P4) & MASK;
  }
  if (position <= length - 4) {
    hash = (rotate(hash ^ ((BigInt(view.getUint32(position, true)) * P1) & MASK), 23n) * P2 + P3) & MASK;
    position += 4;
  }
  for (; position < length; position++) {
    hash = (rotate(hash ^ ((BigInt(view.getUint8(position)) * P5) & MASK), 11n) * P1) & MASK;
  }
  return avalanche(hash);
}

function round(accumulator: bigint, input: bigint): bigint {
  return (rotate((accumulator + input * P2) & MASK, 31n) * P1) & MASK;
}

function rotate(value: bigint, bits: bigint): bigint {
  const word = value & MASK;
  return ((word << bits) | (word >> (64n - bits))) & MASK;
}

function avalanche(value: bigint): bigint {
  let hash = value ^ (value >> 33n);
  hash = (hash * P2) & MASK;
  hash ^= hash >> 29n;
  hash = (hash * P3) & MASK;
  return hash ^ (hash >> 32n);
}

/** 64 bits of chance. */
export function random64(random: Random): bigint {
  const part = (): bigint => BigInt(Math.floor(random() * 0x1_0000_0000));
  return (part() << 32n) | part();
}
