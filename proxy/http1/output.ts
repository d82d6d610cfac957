import type { Socket } from 'node:net';

/** Pieces up to this size are copied into one string with the head: one write costs more than the copy. */
const COPY_LIMIT = 8 * 1024;
/** Waiting text beyond this leaves at once. */
const FLUSH_LIMIT = 64 * 1024;

/**
 * Gathers what is written to a socket into one write: text within one tick, and large pieces of a body within one turn of
 * the event loop. Text is Latin-1.
 */
export class Output {
  private waiting = '';
  /** What goes before `waiting`, in order. */
  private parts: (string | Buffer)[] = [];
  private partBytes = 0;
  private scheduled = false;
  private turnScheduled = false;
  private ending = false;
  private blocked = false;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Whether the peer is slow. */
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
    this.seal();
    this.parts.push(chunk);
    this.partBytes += chunk.length;
    if (this.partBytes >= FLUSH_LIMIT) this.flush();
    else this.scheduleTurn();
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
    if (this.parts.length === 0) {
      const text = this.waiting;
      if (text === '') return;
      this.waiting = '';
      if (this.socket.writable) this.blocked = !this.socket.write(text, 'latin1');
      return;
    }
    this.seal();
    const { parts, socket } = this;
    this.parts = [];
    this.partBytes = 0;
    if (!socket.writable) return;
    socket.cork();
    for (const part of parts) this.blocked = !socket.write(part, 'latin1');
    socket.uncork();
  }

  /** Text that waits keeps its place among the pieces. */
  private seal(): void {
    if (this.waiting === '') return;
    this.parts.push(this.waiting);
    this.partBytes += this.waiting.length;
    this.waiting = '';
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(flushScheduled, this);
  }

  private scheduleTurn(): void {
    if (this.turnScheduled) return;
    this.turnScheduled = true;
    setImmediate(flushTurn, this);
  }

  /** @internal */
  onTick(): void {
    this.scheduled = false;
    // Pieces of a body are followed by more, mostly in the same turn.
    if (this.parts.length === 0 || this.ending) this.flush();
    if (this.ending && !this.socket.writableEnded) this.socket.end();
  }

  /** @internal */
  onTurn(): void {
    this.turnScheduled = false;
    this.flush();
  }
}

function flushScheduled(output: Output): void {
  output.onTick();
}

function flushTurn(output: Output): void {
  output.onTurn();
}
