import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { spentPackets } from '../http/spent-packets.js';

export interface RelayEvents {
  /** Bytes that came from the first socket, and from the second. */
  onForward(bytes: number): void;
  onBackward(bytes: number): void;
  /** Both sides are closed. Comes once. */
  onClosed(): void;
}

/**
 * Copies bytes both ways between two connected sockets until both directions have ended. A slow reader pauses its
 * writer; the end of one direction is passed on while the other goes on (half-close); an error on one side resets both.
 */
export function relay(downstream: Socket, upstream: Socket | Duplex, events: RelayEvents): void {
  let open = 2;
  const watch = (side: Socket | Duplex, other: Socket | Duplex): void => {
    let failed = false;
    side.on('error', () => {
      failed = true;
    });
    side.on('close', () => {
      // What a cleanly closed side has sent is still to be delivered; a reset is passed on as one.
      if (failed) reset(other);
      else if (!other.destroyed) other.end();
      open--;
      if (open === 0) events.onClosed();
    });
  };
  for (const [from, to, count] of [
    [downstream, upstream, events.onForward],
    [upstream, downstream, events.onBackward],
  ] as const) {
    from.allowHalfOpen = true;
    from.on('data', (chunk: Buffer) => {
      count(chunk.length);
      spentPackets.count(chunk.length);
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    watch(from, to);
  }
  upstream.resume();
  downstream.resume();
}

/** A TCP reset where the socket has one to give; over TLS and on Unix sockets the connection is broken off instead. */
function reset(socket: Socket | Duplex): void {
  try {
    if (socket instanceof Socket) socket.resetAndDestroy();
    else socket.destroy(new Error('the other side was reset'));
  } catch {
    socket.destroy();
  }
}
