import type { HeaderList } from './headers.js';

/** The beginning of a body, or all of it. */
export interface BodyBeginning {
  readonly data: Buffer;
  /** Nothing follows. */
  readonly whole: boolean;
}

/** The body of a request that is held back until a filter that reads it has decided. */
export class CollectedBody {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  ended = false;
  trailers: HeaderList | undefined = undefined;
  private waiting: { readonly limit: number; readonly resolve: (body: BodyBeginning) => void } | undefined = undefined;

  /** Resolves with the end of the body, or as soon as there are more bytes than `limit`. */
  beginning(limit: number): Promise<BodyBeginning> {
    return new Promise((resolve) => {
      this.waiting = { limit, resolve };
      this.look();
    });
  }

  get isWaitedFor(): boolean {
    return this.waiting !== undefined;
  }

  push(chunk: Buffer, end: boolean): void {
    // What the codec gives is good until it reads on.
    if (chunk.length > 0) this.chunks.push(Buffer.from(chunk));
    this.size += chunk.length;
    this.ended ||= end;
    this.look();
  }

  end(trailers: HeaderList): void {
    this.trailers = trailers;
    this.ended = true;
    this.look();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks, this.size);
  }

  private look(): void {
    const { waiting } = this;
    if (waiting === undefined || (!this.ended && this.size <= waiting.limit)) return;
    this.waiting = undefined;
    waiting.resolve({ data: this.bytes, whole: this.ended });
  }
}
