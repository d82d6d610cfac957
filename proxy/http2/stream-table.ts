import type { Http2Stream } from './stream.js';

const REMEMBERED_RESETS = 256;

/** The open streams of a connection, and those that were reset lately: frames for them may still be on their way. */
export class StreamTable<S extends Http2Stream> {
  private readonly streams = new Map<number, S>();
  private readonly resets = new Set<number>();

  get size(): number {
    return this.streams.size;
  }

  get(id: number): S | undefined {
    return this.streams.get(id);
  }

  add(stream: S): void {
    this.streams.set(stream.id, stream);
  }

  delete(stream: S): void {
    this.streams.delete(stream.id);
  }

  values(): Iterable<S> {
    return this.streams.values();
  }

  /** As they are now; the table may change meanwhile. */
  copy(): readonly S[] {
    return [...this.streams.values()];
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
}
