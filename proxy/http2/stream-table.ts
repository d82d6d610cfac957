import type { Http2Stream } from './stream.js';

const REMEMBERED_RESETS = 256;
/** Of slots, a power of two. */
const SMALLEST = 8;

/**
 * The open streams of a connection, and those that were reset lately: frames for them may still be on their way.
 *
 * Hashed by hand. A `Map` whose entries come and go is copied time and again, and each copy that V8 leaves behind refers to
 * the next one and to what was in it: one of them among the old objects keeps every later stream alive until all is collected.
 */
export class StreamTable<S extends Http2Stream> {
  size = 0;
  /** A stream is in the first slot that was free from the one that its identifier gives; half of them are empty. */
  private slots: (S | undefined)[] = new Array<S | undefined>(SMALLEST).fill(undefined);
  private readonly resets = new Set<number>();

  get(id: number): S | undefined {
    const { slots } = this;
    const mask = slots.length - 1;
    let at = (id >>> 1) & mask;
    let stream = slots[at];
    while (stream !== undefined && stream.id !== id) {
      at = (at + 1) & mask;
      stream = slots[at];
    }
    return stream;
  }

  /** To be called once for a stream, whose identifier stays from then on. */
  add(stream: S): void {
    if (++this.size * 2 > this.slots.length) this.grow();
    put(this.slots, stream);
  }

  /** Does nothing for one that is not here. */
  delete(stream: S): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let hole = (stream.id >>> 1) & mask;
    while (slots[hole] !== stream) {
      if (slots[hole] === undefined) return;
      hole = (hole + 1) & mask;
    }
    this.size--;
    // Those behind it that would not be found across the gap move up.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const next = slots[at];
      if (next === undefined) break;
      const home = (next.id >>> 1) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = next;
      hole = at;
    }
    slots[hole] = undefined;
  }

  /** In the order in which they were opened, as they are now; the table may change meanwhile. */
  copy(): readonly S[] {
    const streams: S[] = [];
    for (const stream of this.slots) if (stream !== undefined) streams.push(stream);
    return streams.sort((a, b) => a.id - b.id);
  }

  wasReset(id: number): boolean {
    return this.resets.has(id);
  }

  rememberReset(id: number): void {
    this.resets.add(id);
    if (this.resets.size <= REMEMBERED_RESETS) return;
    for (const oldest of this.resets) {
      this.resets.delete(oldest);
      return;
    }
  }

  private grow(): void {
    const wider = new Array<S | undefined>(this.slots.length * 2).fill(undefined);
    for (const stream of this.slots) if (stream !== undefined) put(wider, stream);
    this.slots = wider;
  }
}

function put<S extends Http2Stream>(slots: (S | undefined)[], stream: S): void {
  const mask = slots.length - 1;
  let at = (stream.id >>> 1) & mask;
  while (slots[at] !== undefined) at = (at + 1) & mask;
  slots[at] = stream;
}
