import { HUFFMAN_CODES, HUFFMAN_LENGTHS, STATIC_TABLE } from '../../../proxy/http2/hpack/tables.js';

type Entry = readonly [name: string, value: string];

const STRINGS = new Map<string, number>();
HUFFMAN_CODES.forEach((code, symbol) => {
  STRINGS.set(code.toString(2).padStart(HUFFMAN_LENGTHS[symbol] ?? 0, '0'), symbol);
});

/** RFC 7541 written down as plainly as it can be: lists for tables, text for bits. What it cannot read, it throws. */
export class ReferenceHpack {
  private table: Entry[] = [];
  private maxSize = 4096;

  constructor(private readonly limit: number) {}

  decode(block: Buffer): Entry[] {
    const fields: Entry[] = [];
    let at = 0;
    const byte = (): number => {
      const value = block[at++];
      if (value === undefined) throw new Error('cut off');
      return value;
    };
    const integer = (first: number, bits: number): number => {
      const mask = 2 ** bits - 1;
      let value = first & mask;
      if (value < mask) return value;
      for (let power = 0; power < 4; power++) {
        const next = byte();
        value += (next % 128) * 128 ** power;
        if (next < 128) return value;
      }
      throw new Error('a number that is too long');
    };
    const string = (): string => {
      const first = byte();
      const length = integer(first, 7);
      const bytes = block.subarray(at, at + length);
      if (bytes.length < length) throw new Error('cut off');
      at += length;
      return first >= 128 ? huffman(bytes) : bytes.toString('latin1');
    };
    while (at < block.length) {
      const first = byte();
      if (first >= 128) fields.push(this.entry(integer(first, 7)));
      else if (first >= 64) {
        const index = integer(first, 6);
        const name = index === 0 ? string() : this.entry(index)[0];
        const entry: Entry = [name, string()];
        fields.push(entry);
        this.insert(entry);
      } else if (first >= 32) {
        if (fields.length > 0) throw new Error('a size behind a field');
        this.resize(integer(first, 5));
      } else {
        const index = integer(first, 4);
        const name = index === 0 ? string() : this.entry(index)[0];
        fields.push([name, string()]);
      }
    }
    return fields;
  }

  private entry(index: number): Entry {
    const found = index === 0 ? undefined : [...STATIC_TABLE, ...this.table][index - 1];
    if (found === undefined) throw new Error('no such index');
    return found;
  }

  private insert(entry: Entry): void {
    this.table = [entry, ...this.table];
    this.shrink();
  }

  private resize(size: number): void {
    if (size > this.limit) throw new Error('a size above the limit');
    this.maxSize = size;
    this.shrink();
  }

  private shrink(): void {
    const size = (): number => this.table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (size() > this.maxSize) this.table.pop();
  }
}

function huffman(bytes: Buffer): string {
  const out: number[] = [];
  let code = '';
  for (const byte of bytes) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      code += bit;
      const symbol = STRINGS.get(code);
      if (symbol === undefined) continue;
      if (symbol === 256) throw new Error('the end of the string within it');
      out.push(symbol);
      code = '';
    }
  }
  if (code.length > 7 || code.includes('0')) throw new Error('wrong padding');
  return Buffer.from(out).toString('latin1');
}

/** A string in Huffman code, for what is generated. */
export function toHuffman(text: string): Buffer {
  let bits = '';
  for (const byte of Buffer.from(text, 'latin1')) {
    bits += (HUFFMAN_CODES[byte] ?? 0).toString(2).padStart(HUFFMAN_LENGTHS[byte] ?? 0, '0');
  }
  while (bits.length % 8 !== 0) bits += '1';
  return Buffer.from(
    Array.from({ length: bits.length / 8 }, (_, i) => Number.parseInt(bits.slice(i * 8, i * 8 + 8), 2)),
  );
}
