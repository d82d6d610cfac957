import { STATIC_TABLE } from './tables.js';

/**
 * How a name's values are written. `index`: kept in the table, they come again; `plain`: different each time, keeping them
 * would only push others out; `never`: secret, no table may keep them (RFC 7541 section 7.1).
 */
type Mode = 'index' | 'plain' | 'never';

const MODES: ReadonlyMap<string, Mode> = new Map<string, Mode>([
  ...[
    ':path',
    'age',
    'content-length',
    'content-range',
    'etag',
    'expires',
    'grpc-message',
    'grpc-timeout',
    'if-modified-since',
    'if-none-match',
    'last-modified',
    'location',
    'range',
    'traceparent',
    'x-b3-parentspanid',
    'x-b3-spanid',
    'x-b3-traceid',
    'x-request-id',
  ].map((name) => [name, 'plain'] as const),
  ...['authorization', 'proxy-authorization', 'cookie', 'set-cookie'].map((name) => [name, 'never'] as const),
]);

interface StaticName {
  /** Index of the name's first entry; 0 for none. */
  readonly index: number;
  readonly values: ReadonlyMap<string, number>;
  /** Length of the longest of these values. */
  readonly longest: number;
  readonly mode: Mode;
}

const STATIC_NAMES = staticNames();
const STATIC_COUNT = STATIC_TABLE.length;
const OTHER: StaticName = { index: 0, values: new Map(), longest: 0, mode: 'index' };

/** What the table holds of one name: the entry with each value, and the number of the newest of them. */
interface DynamicName {
  readonly known: StaticName;
  readonly values: Map<string, Entry>;
  newest: number;
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly size: number;
  /** Counts all entries that ever were. */
  readonly number: number;
}

/** Places of a block whose entries are remembered. */
const MAX_PLACES = 32;

/** What we are ready to remember for a peer's table, bytes. */
const MAX_TABLE = 16_384;
const DEFAULT_TABLE = 4096;

/** Encoding side of HPACK: one a connection. Strings are Latin-1 and not Huffman-coded, which costs more than it saves here. */
export class HpackEncoder {
  /** The block that is being written; valid up to {@link length} until the next {@link begin}. */
  buffer = Buffer.allocUnsafe(1024);
  length = 0;

  private readonly names = new Map<string, DynamicName>();
  private entries: Entry[] = [];
  /** Number of the oldest entry that is left, and of the next one. */
  private oldest = 0;
  private next = 0;
  private tableSize = 0;
  private maxSize = DEFAULT_TABLE;
  private announce: number[] = [];
  /** What stood in each place of a block before: most blocks on a connection are alike, and no text is looked up then. */
  private readonly before: Entry[] = [];
  private place = 0;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setLimit(limit: number): void {
    const size = Math.min(limit, MAX_TABLE);
    if (size === this.maxSize) return;
    // The smallest size in between has to be told as well (RFC 7541 section 4.2); telling each is simpler.
    this.announce.push(size);
    this.maxSize = size;
    this.evict(size);
  }

  begin(): void {
    this.length = 0;
    this.place = 0;
    if (this.announce.length === 0) return;
    for (const size of this.announce) {
      this.reserve(8);
      this.integer(size, 5, 0x20);
    }
    this.announce.length = 0;
  }

  /** `name` is looked up as it is; whoever calls sees to its case. */
  field(name: string, value: string): void {
    const place = this.place++;
    const before = this.before[place];
    if (
      before !== undefined &&
      before.number >= this.oldest &&
      before.value.length === value.length &&
      before.name === name &&
      before.value === value
    ) {
      this.reserve(8);
      this.integer(this.indexOf(before.number), 7, 0x80);
      return;
    }
    this.lookUp(name, value, place);
  }

  private lookUp(name: string, value: string, place: number): void {
    const dynamic = this.names.get(name);
    const known = dynamic === undefined ? (STATIC_NAMES.get(name) ?? OTHER) : dynamic.known;
    const exact = value.length <= known.longest ? known.values.get(value) : undefined;
    this.reserve(name.length + value.length + 16);
    if (exact !== undefined) {
      this.integer(exact, 7, 0x80);
      return;
    }
    const entry = known.mode === 'index' ? dynamic?.values.get(value) : undefined;
    if (entry !== undefined) {
      this.integer(this.indexOf(entry.number), 7, 0x80);
      this.remember(place, entry);
      return;
    }
    const size = name.length + value.length + 32;
    const keep = known.mode === 'index' && size * 2 <= this.maxSize;
    const nameIndex = known.index !== 0 ? known.index : dynamic === undefined ? 0 : this.indexOf(dynamic.newest);
    if (keep) this.integer(nameIndex, 6, 0x40);
    else this.integer(nameIndex, 4, known.mode === 'never' ? 0x10 : 0);
    if (nameIndex === 0) this.string(name);
    this.string(value);
    if (keep) this.remember(place, this.insert(name, value, size, known));
  }

  private remember(place: number, entry: Entry): void {
    if (place < MAX_PLACES) this.before[place] = entry;
  }

  private indexOf(number: number): number {
    return STATIC_COUNT + this.next - number;
  }

  private insert(name: string, value: string, size: number, known: StaticName): Entry {
    this.evict(this.maxSize - size);
    const number = this.next++;
    const entry: Entry = { name, value, size, number };
    this.entries.push(entry);
    this.tableSize += size;
    const dynamic = this.names.get(name);
    if (dynamic === undefined) {
      this.names.set(name, { known, values: new Map([[value, entry]]), newest: number });
    } else {
      dynamic.values.set(value, entry);
      dynamic.newest = number;
    }
    return entry;
  }

  private evict(target: number): void {
    const { entries } = this;
    let gone = entries.length - (this.next - this.oldest);
    while (this.tableSize > target && gone < entries.length) {
      const entry = entries[gone++];
      const number = this.oldest++;
      if (entry === undefined) break;
      this.tableSize -= entry.size;
      const dynamic = this.names.get(entry.name);
      if (dynamic === undefined) continue;
      if (dynamic.values.get(entry.value)?.number === number) dynamic.values.delete(entry.value);
      if (dynamic.values.size === 0) this.names.delete(entry.name);
    }
    // Evicted entries leave the array in lots.
    if (gone > 64) this.entries = entries.slice(gone);
  }

  private reserve(more: number): void {
    const { buffer, length } = this;
    if (length + more <= buffer.length) return;
    this.buffer = Buffer.allocUnsafe((length + more) * 2);
    buffer.copy(this.buffer, 0, 0, length);
  }

  private integer(value: number, bits: number, prefix: number): void {
    const { buffer } = this;
    const mask = (1 << bits) - 1;
    if (value < mask) {
      buffer[this.length++] = prefix | value;
      return;
    }
    buffer[this.length++] = prefix | mask;
    let rest = value - mask;
    for (; rest >= 128; rest >>>= 7) buffer[this.length++] = (rest & 127) | 128;
    buffer[this.length++] = rest;
  }

  private string(text: string): void {
    this.integer(text.length, 7, 0);
    this.length += this.buffer.write(text, this.length, 'latin1');
  }
}

function staticNames(): ReadonlyMap<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number>; longest: number; mode: Mode }>();
  STATIC_TABLE.forEach(([name, value], at) => {
    let known = names.get(name);
    if (known === undefined) {
      known = { index: at + 1, values: new Map(), longest: 0, mode: MODES.get(name) ?? 'index' };
      names.set(name, known);
    }
    if (value === '') return;
    known.values.set(value, at + 1);
    known.longest = Math.max(known.longest, value.length);
  });
  for (const [name, mode] of MODES)
    if (!names.has(name)) names.set(name, { index: 0, values: new Map(), longest: 0, mode });
  return names;
}
