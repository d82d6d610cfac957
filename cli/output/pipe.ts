/**
 * Calls `onClosed` when nobody reads the output any more (`weft … | head -1`), instead of failing with a stack trace.
 * Later writes are dropped.
 */
export function whenUnread(onClosed: () => void): void {
  let closed = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (!closed) onClosed();
      closed = true;
    });
  }
}
