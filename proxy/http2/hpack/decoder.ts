import { fieldNames } from '../../http1/field-names.js';
import { ERROR } from '../constants.js';
import { ConnectionError } from '../errors.js';
import { Field } from '../fields.js';
import { decodeHuffman } from './huffman.js';
import { STATIC_TABLE } from './tables.js';

export interface DecodedBlock {
  readonly fields: Field[];
  /** Sum of the sizes, also of fields that were left out because a limit was passed. */
  size: number;
  /** Of all fields. */
  count: number;
  overflow: boolean;
}

export interface DecodeLimits {
  readonly maxListSize: number;
  readonly maxFields: number;
}

/** A block that says more than this many times what is allowed is an attack on memory and time (an HPACK bomb). */
const BOMB_FACTOR = 8;

const STATIC: readonly Field[] = STATIC_TABLE.map(([name, value]) => new Field(name, value, name));

/** Decoding side of HPACK (RFC 7541): one a connection, fed every header block in order. */
export class HpackDecoder {
  /** Ring of the dynamic table, newest last. */
  private entries: (Field | undefined)[] = new Array<Field | undefined>(64);
  private first = 0;
  private count = 0;
  private tableSize = 0;
  private maxSize: number;
  private pos = 0;

  constructor(
    /** What we advertise as SETTINGS_HEADER_TABLE_SIZE. */
    private readonly limit: number,
    private readonly limits: DecodeLimits,
  ) {
    // In force until the peer's encoder announces another size (RFC 7541 section 4.2).
    this.maxSize = Math.min(limit, 4096);
  }

  /** @throws ConnectionError for what leaves the table in doubt, and for a bomb. */
  decode(bytes: Buffer, start = 0, end = bytes.length): DecodedBlock {
    const block: DecodedBlock = { fields: [], size: 0, count: 0, overflow: false };
    this.pos = start;
    let sizeAllowed = true;
    while (this.pos < end) {
      const byte = bytes[this.pos] as number;
      if ((byte & 0xe0) === 0x20) {
        if (!sizeAllowed) throw compression();
        this.resize(this.integer(bytes, end, 5));
        continue;
      }
      sizeAllowed = false;
      this.add(block, byte >= 0x80 ? this.indexed(this.integer(bytes, end, 7)) : this.literal(bytes, end, byte));
    }
    return block;
  }

  private add(block: DecodedBlock, entry: Field): void {
    block.size += entry.size;
    block.count++;
    const { maxListSize, maxFields } = this.limits;
    if (block.size > maxListSize || block.count > maxFields) {
      block.overflow = true;
      if (block.size > maxListSize * BOMB_FACTOR || block.count > maxFields * BOMB_FACTOR) {
        throw new ConnectionError(ERROR.ENHANCE_YOUR_CALM, 'header_bomb');
      }
      return;
    }
    block.fields.push(entry);
  }

  private literal(bytes: Buffer, end: number, byte: number): Field {
    const indexing = (byte & 0x40) !== 0;
    const index = this.integer(bytes, end, indexing ? 6 : 4);
    const { name, key } = index === 0 ? fieldNames.get(this.string(bytes, end)) : this.indexed(index);
    const entry = new Field(name, this.string(bytes, end), key);
    if (indexing) this.insert(entry);
    return entry;
  }

  private indexed(index: number): Field {
    if (index === 0) throw compression();
    const fixed = STATIC[index - 1];
    if (fixed !== undefined) return fixed;
    const back = index - STATIC.length;
    if (back > this.count) throw compression();
    const { entries } = this;
    const entry = entries[(this.first + this.count - back) & (entries.length - 1)];
    if (entry === undefined) throw compression();
    return entry;
  }

  private insert(entry: Field): void {
    this.evict(this.maxSize - entry.size);
    if (entry.size > this.maxSize) return;
    if (this.count === this.entries.length) this.grow();
    this.entries[(this.first + this.count) & (this.entries.length - 1)] = entry;
    this.count++;
    this.tableSize += entry.size;
  }

  private grow(): void {
    const { entries } = this;
    const wider = new Array<Field | undefined>(entries.length * 2);
    for (let i = 0; i < this.count; i++) wider[i] = entries[(this.first + i) & (entries.length - 1)];
    this.entries = wider;
    this.first = 0;
  }

  private evict(target: number): void {
    while (this.count > 0 && this.tableSize > target) {
      this.tableSize -= this.entries[this.first]?.size ?? 0;
      this.entries[this.first] = undefined;
      this.first = (this.first + 1) & (this.entries.length - 1);
      this.count--;
    }
  }

  private resize(size: number): void {
    if (size > this.limit) throw compression();
    this.maxSize = size;
    this.evict(size);
  }

  private integer(bytes: Buffer, end: number, bits: number): number {
    const mask = (1 << bits) - 1;
    let value = (bytes[this.pos++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.pos >= end) throw compression();
      const byte = bytes[this.pos++] as number;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw compression();
  }

  private string(bytes: Buffer, end: number): string {
    if (this.pos >= end) throw compression();
    const huffman = (bytes[this.pos] as number) >= 0x80;
    const length = this.integer(bytes, end, 7);
    const start = this.pos;
    if (length > end - start) throw compression();
    this.pos = start + length;
    if (!huffman) return bytes.toString('latin1', start, start + length);
    const text = decodeHuffman(bytes, start, start + length);
    if (text === undefined) throw compression();
    return text;
  }
}

function compression(): ConnectionError {
  return new ConnectionError(ERROR.COMPRESSION_ERROR, 'rx_messaging_error');
}
