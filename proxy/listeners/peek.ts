import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';

export interface PeekOptions {
  /** 0 waits for ever. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** What the first bytes told, and how many of them were meant for nobody else. */
export interface Peeked<T> {
  readonly result: T;
  readonly consumed: number;
}

/**
 * Reads from a paused socket until `look` has an answer, pushes back what was not consumed, and leaves the socket paused.
 * `silent` means that nothing decisive came in time. The callback does not come when the connection ends first.
 */
export function peek<T>(
  socket: Socket,
  options: PeekOptions,
  look: (bytes: Buffer) => Peeked<T> | undefined,
  done: (result: T | 'silent') => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = options.timeoutMs > 0 ? options.clock.after(options.timeoutMs, () => finish('silent', 0)) : undefined;
  const finish = (result: T | 'silent', consumed: number): void => {
    timer?.cancel();
    socket.off('readable', onReadable);
    socket.off('close', onClose);
    socket.off('end', onEnd);
    if (seen.length > consumed) socket.unshift(seen.subarray(consumed));
    done(result);
  };
  const onReadable = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const answer = look(seen);
    if (answer !== undefined) finish(answer.result, answer.consumed);
  };
  const onEnd = (): void => {
    // Half a greeting and no more: nothing will decide it, and nothing can be served.
    timer?.cancel();
    socket.destroy();
  };
  const onClose = (): void => timer?.cancel();
  socket.on('readable', onReadable);
  socket.once('end', onEnd);
  socket.once('close', onClose);
}
