import type { HeaderList } from '../../http/headers.js';

/** What of a request's body is held: what could not be sent yet, and what a retry or a mirror would need again. */
export class RequestBody {
  private chunks: Buffer[] = [];
  size = 0;
  ended = false;
  /** Whether the end comes apart from the head: then an empty body is still a body, chunked if it was. */
  apart = false;
  trailers: HeaderList | undefined = undefined;

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.size += chunk.length;
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0;
  }

  forEach(visit: (chunk: Buffer, last: boolean) => void): void {
    const last = this.chunks.length - 1;
    this.chunks.forEach((chunk, index) => {
      visit(chunk, index === last);
    });
  }

  clear(): void {
    if (this.chunks.length === 0) return;
    this.chunks = [];
    this.size = 0;
  }
}
