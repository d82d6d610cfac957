import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

/**
 * Ticks at fixed times, about 0.1 ms late at most, from a thread that sleeps in between. Timers of Node's are up to a
 * millisecond late; polling for the time would take a whole processor, and whoever does that is made to wait for it.
 */
interface Beat {
  /** Of `process.hrtime`, which all threads share, ms. */
  readonly startMs: number;
  readonly intervalMs: number;
  readonly total: number;
}

const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Calls `onTick` with how many ticks are due by now; ends after the last. Gives the time of the first tick by `performance.now()`. */
export async function metronome(
  intervalMs: number,
  total: number,
  onTick: (due: number) => void,
): Promise<{ startMs: number; ended: Promise<void> }> {
  const worker = new Worker(new URL(import.meta.url));
  // Starting a thread takes tens of ms of this processor, which are not to fall among the ticks.
  await once(worker, 'message');
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => resolve());
    worker.once('error', reject);
  });
  worker.on('message', onTick);
  const LEAD_MS = 50;
  const startMs = performance.now() + LEAD_MS;
  const beat: Beat = { startMs: sharedNow() + LEAD_MS, intervalMs, total };
  worker.postMessage(beat);
  return { startMs, ended };
}

function tick({ startMs, intervalMs, total }: Beat): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let due = 0; due < total; ) {
    const wait = startMs + due * intervalMs - sharedNow();
    if (wait > 0) Atomics.wait(sleeper, 0, 0, wait);
    due = Math.min(total, Math.floor((sharedNow() - startMs) / intervalMs) + 1);
    if (due > 0) parentPort?.postMessage(due);
  }
}

if (!isMainThread && parentPort !== null) {
  parentPort.once('message', tick);
  parentPort.postMessage('ready');
}
