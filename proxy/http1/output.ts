import type { Socket } from 'node:net';
import { JOINED_LIMIT, writeJoined } from './joined-write.js';

/** Pieces up to this size are copied next to the head: one write costs more than the copy. */
const COPY_LIMIT = 8 * 1024;
/** Waiting text beyond this leaves at once. */
const FLUSH_LIMIT = 64 * 1024;

/**
 * Gathers what is written to a socket into one write: text within one tick, and large pieces of a body within one turn of
 * the event loop. Text is Latin-1.
 */
export class Output {
  private waiting = '';
  /** A small piece of a body that comes behind `waiting`, and the text behind it. */
  private piece: Buffer | undefined = undefined;
  private behind = '';
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
    if (this.piece !== undefined) this.behind += text;
    else this.waiting += text;
    if (this.waiting.length + this.behind.length > FLUSH_LIMIT) this.flush();
    else this.schedule();
  }

  /** Returns false when the peer is slow: the socket's `drain` event follows. */
  bytes(chunk: Buffer): boolean {
    if (chunk.length <= COPY_LIMIT) {
      if (this.piece !== undefined) this.fold();
      this.piece = chunk;
      this.text('');
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
    const { parts, socket } = this;
    if (parts.length === 0) {
      this.flushText();
      return;
    }
    this.seal();
    this.parts = [];
    this.partBytes = 0;
    if (!socket.writable) return;
    socket.cork();
    for (const part of parts) this.blocked = !socket.write(part, 'latin1');
    socket.uncork();
  }

  private flushText(): void {
    const { waiting, piece, behind, socket } = this;
    if (piece !== undefined && waiting.length + piece.length + behind.length <= JOINED_LIMIT) {
      this.waiting = '';
      this.piece = undefined;
      this.behind = '';
      if (socket.writable) this.blocked = !writeJoined(socket, waiting, piece, behind);
      return;
    }
    this.fold();
    const text = this.waiting;
    if (text === '') return;
    this.waiting = '';
    if (socket.writable) this.blocked = !socket.write(text, 'latin1');
  }

  /** Everything that waits becomes one text. */
  private fold(): void {
    if (this.piece === undefined) return;
    this.waiting += this.piece.toString('latin1') + this.behind;
    this.piece = undefined;
    this.behind = '';
  }

  /** Text that waits keeps its place among the pieces. */
  private seal(): void {
    this.fold();
    if (this.waiting === '') return;
    this.parts.push(this.waiting);
    this.partBytes += this.waiting.length;
    this.waiting = '';
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    if (scheduledCount === 0) process.nextTick(flushScheduled);
    scheduled[scheduledCount++] = this;
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

/** Those that have something to write at the end of this tick share one call; its memory is kept. */
const scheduled: (Output | undefined)[] = [];
let scheduledCount = 0;

function flushScheduled(): void {
  // What is written meanwhile may add to them.
  for (let i = 0; i < scheduledCount; i++) {
    scheduled[i]?.onTick();
    scheduled[i] = undefined;
  }
  scheduledCount = 0;
}

function flushTurn(output: Output): void {
  output.onTurn();
}
