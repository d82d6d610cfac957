import type { Seeded } from '../random.js';
import { toHuffman } from './reference-hpack.js';

const NAMES = [
  'x',
  'cookie',
  'content-type',
  'accept',
  'te',
  'x-long-name-of-a-field',
  'content-length',
  'host',
  'X',
  'connection',
  ':path',
  '',
  'x y',
];
const VALUES = ['', 'a', 'trailers', '0', '5', 'a b', ' a ', 'x'.repeat(40), '\xe9', 'a\r\nb', 'a\0', 'chunked', '/'];

export function integer(value: number, bits: number, prefix: number): Buffer {
  const mask = (1 << bits) - 1;
  if (value < mask) return Buffer.of(prefix | value);
  const out = [prefix | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  out.push(rest);
  return Buffer.from(out);
}

export function string(random: Seeded, text: string): Buffer {
  const coded = random.oneIn(3);
  const bytes = coded ? toHuffman(text) : Buffer.from(text, 'latin1');
  return Buffer.concat([integer(bytes.length, 7, coded ? 128 : 0), bytes]);
}

export function literal(random: Seeded, name: string, value: string): Buffer {
  const prefix = random.pick([0x40, 0x40, 0, 0x10]);
  return Buffer.concat([Buffer.of(prefix), string(random, name), string(random, value)]);
}

/** Some fields in all representations; `often` is how often they are odd (1 in so many). */
export function someFields(random: Seeded, often: number): Buffer {
  const parts: Buffer[] = [];
  for (let left = random.below(4); left > 0; left--) {
    const odd = random.oneIn(often);
    const name = odd ? random.pick(NAMES) : (NAMES[random.below(5)] ?? 'x');
    const value = name === 'te' && !odd ? 'trailers' : odd ? random.pick(VALUES) : (VALUES[random.below(6)] ?? '');
    switch (random.below(odd ? 6 : 4)) {
      case 0:
        parts.push(integer(15 + random.below(47), 7, 128));
        break;
      case 1:
        parts.push(integer(15 + random.below(47), random.oneIn(2) ? 6 : 6, 0x40), string(random, value));
        break;
      case 4:
        parts.push(integer(random.below(80), 7, 128));
        break;
      case 5:
        parts.push(integer(random.pick([0, 100, 4096, 16_384, 16_385, 1 << 20]), 5, 32));
        break;
      default:
        parts.push(literal(random, name, value));
    }
  }
  return Buffer.concat(parts);
}
