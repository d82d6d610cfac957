/**
 * Records of whole numbers, each of one step of time, oldest first, packed into one buffer: small numbers take a byte. An edge has thousands
 * of numbers an hour, nearly all of them small, and as objects they would take twenty times as much.
 */
export class NumberLog {
  private bytes = Buffer.alloc(INITIAL);
  private start = 0;
  private end = 0;

  /** Bytes that it holds on to. */
  get size(): number {
    return this.bytes.length;
  }

  get empty(): boolean {
    return this.start === this.end;
  }

  /** Steps ascend; negative numbers count as 0. */
  append(step: number, numbers: Iterable<number>): void {
    const record = encode([step, ...numbers]);
    const length = encode([record.length]);
    this.reserve(length.length + record.length);
    for (const part of [length, record]) {
      this.bytes.set(part, this.end);
      this.end += part.length;
    }
  }

  /** Forgets records of steps before this one. */
  dropBefore(step: number): void {
    const cursor = new Cursor(this.bytes, this.start);
    while (cursor.at < this.end) {
      const begin = cursor.at;
      const length = cursor.next();
      const next = cursor.at + length;
      if (cursor.next() >= step) {
        this.start = begin;
        return;
      }
      cursor.at = next;
    }
    this.start = this.end = 0;
    if (this.bytes.length > INITIAL) this.bytes = Buffer.alloc(INITIAL);
  }

  /** Calls `read` for each record from one step up to before another, with a reader of its numbers. */
  each(from: number, to: number, read: (step: number, next: () => number) => void): void {
    const cursor = new Cursor(this.bytes, this.start);
    const next = (): number => cursor.next();
    while (cursor.at < this.end) {
      const length = cursor.next();
      const after = cursor.at + length;
      const step = cursor.next();
      if (step >= to) return;
      if (step >= from) read(step, next);
      cursor.at = after;
    }
  }

  private reserve(more: number): void {
    const used = this.end - this.start;
    if (this.end + more <= this.bytes.length) return;
    // What was dropped makes room; else it grows by half, since memory matters more than time here.
    const size = used + more <= this.bytes.length * 0.75 ? this.bytes.length : Math.ceil((used + more) * 1.5);
    const bytes = Buffer.alloc(size);
    this.bytes.copy(bytes, 0, this.start, this.end);
    this.bytes = bytes;
    this.start = 0;
    this.end = used;
  }
}

const INITIAL = 64;

class Cursor {
  constructor(
    private readonly bytes: Buffer,
    public at: number,
  ) {}

  /** One varint: seven bits a byte, lowest first. */
  next(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }
}

function encode(numbers: Iterable<number>): number[] {
  const bytes: number[] = [];
  for (const number of numbers) {
    let rest = number > 0 ? Math.min(Math.round(number), Number.MAX_SAFE_INTEGER) : 0;
    while (rest >= 128) {
      bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    bytes.push(rest);
  }
  return bytes;
}
