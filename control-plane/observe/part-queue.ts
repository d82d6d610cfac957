/** Parts that wait for a slow reader, bytes; what is more ends the answer. */
const MAX_WAITING = 32 * 1024 * 1024;

/** An answer that comes in parts, for one reader. */
export class PartQueue implements AsyncIterable<Buffer> {
  /** HTTP's, as soon as the first part is there. */
  readonly status: Promise<number>;
  private readonly parts: Buffer[] = [];
  private waiting = 0;
  private over = false;
  private error: Error | undefined;
  private wake: () => void = () => {};
  private known: (status: number) => void = () => {};
  private unknown: (error: Error) => void = () => {};

  constructor() {
    this.status = new Promise((resolve, reject) => {
      this.known = resolve;
      this.unknown = reject;
    });
    this.status.catch(() => undefined);
  }

  push(status: number, data: Buffer, last: boolean): void {
    this.known(status);
    if (this.over) return;
    if (data.length > 0) this.parts.push(data);
    this.waiting += data.length;
    this.over = last;
    if (this.waiting > MAX_WAITING) this.fail(new Error('the answer is too long'));
    this.wake();
  }

  fail(error: Error): void {
    if (this.over) return;
    this.over = true;
    this.error = error;
    this.unknown(error);
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const part = this.parts.shift();
      if (part !== undefined) {
        this.waiting -= part.length;
        yield part;
      } else if (this.error !== undefined) {
        throw this.error;
      } else if (this.over) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}
