import type { Socket } from 'node:net';

/** Pieces up to this size are copied into one string with the head: one write costs more than the copy. */
const COPY_LIMIT = 8 * 1024;
/** Waiting text beyond this leaves at once. */
const FLUSH_LIMIT = 64 * 1024;

/** Gathers what is written to a socket within one tick into one write. Text is Latin-1. */
export class Output {
  private waiting = '';
  private scheduled = false;
  private ending = false;
  private blocked = false;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Whether the peer is slow, or text still waits for the end of this tick. */
  get isBlocked(): boolean {
    return this.blocked;
  }

  text(text: string): void {
    this.waiting += text;
    if (this.waiting.length > FLUSH_LIMIT) this.flush();
    else this.schedule();
  }

  /** Returns false when the peer is slow: the socket's `drain` event follows. */
  bytes(chunk: Buffer): boolean {
    if (chunk.length <= COPY_LIMIT) {
      this.text(chunk.toString('latin1'));
      return !this.blocked;
    }
    this.socket.cork();
    this.flush();
    if (this.socket.writable) this.blocked = !this.socket.write(chunk);
    this.socket.uncork();
    return !this.blocked;
  }

  /** Half-closes the socket after everything that was written. */
  end(): void {
    this.ending = true;
    this.schedule();
  }

  /** To be called on the socket's `drain`. */
  drained(): void {
    this.blocked = false;
  }

  flush(): void {
    const text = this.waiting;
    if (text !== '') {
      this.waiting = '';
      if (this.socket.writable) this.blocked = !this.socket.write(text, 'latin1');
    }
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    if (scheduled.push(this) === 1) process.nextTick(flushScheduled);
  }

  /** @internal */
  onTick(): void {
    this.scheduled = false;
    this.flush();
    if (this.ending && !this.socket.writableEnded) this.socket.end();
  }
}

/** Those that have something to write at the end of this tick. */
const scheduled: Output[] = [];

function flushScheduled(): void {
  // What is written meanwhile may add to the list.
  for (let i = 0; i < scheduled.length; i++) scheduled[i]?.onTick();
  scheduled.length = 0;
}
