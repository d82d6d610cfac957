import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';

/** A socket without a network: what is fed comes out as packets, what is written is kept. */
export class MemorySocket extends EventEmitter {
  destroyed = false;
  writable = true;
  writableEnded = false;
  allowHalfOpen = false;
  readonly written: Buffer[] = [];
  private paused = false;
  private readonly queue: Buffer[] = [];
  private pumping = false;
  private ended = false;

  /** As the codecs take it: they use no more of a socket than there is here. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  get output(): Buffer {
    return Buffer.concat(this.written);
  }

  /** Gives a packet to the reader, now or when it reads again. */
  feed(packet: Buffer): void {
    this.queue.push(packet);
    this.pump();
  }

  /** Hands on what waits, while the reader wants it. */
  pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    while (!this.paused && !this.destroyed) {
      const packet = this.queue.shift();
      if (packet === undefined) break;
      this.emit('data', packet);
    }
    this.pumping = false;
  }

  /** The peer closes its side, and then is gone. */
  hangUp(): void {
    if (!this.ended && !this.destroyed) {
      this.ended = true;
      this.emit('end');
    }
    this.destroy();
  }

  isPaused(): boolean {
    return this.paused;
  }

  pause(): this {
    this.paused = true;
    return this;
  }

  resume(): this {
    this.paused = false;
    this.pump();
    return this;
  }

  write(data: Buffer | string, encoding?: BufferEncoding): boolean {
    this.written.push(typeof data === 'string' ? Buffer.from(data, encoding) : data);
    return true;
  }

  end(): this {
    this.writable = false;
    this.writableEnded = true;
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.writable = false;
    this.queue.length = 0;
    this.emit('close');
    return this;
  }

  cork(): void {}
  uncork(): void {}
}

/** A clock that stands still and counts the timers that nobody cancelled. */
export class StillClock implements Clock {
  timers = 0;

  now(): number {
    return 1_700_000_000_000;
  }

  monotonic(): number {
    return 1000;
  }

  after(): { cancel: () => void } {
    this.timers++;
    let open = true;
    return {
      cancel: () => {
        if (open) this.timers--;
        open = false;
      },
    };
  }
}
