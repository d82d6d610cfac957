import { createRequire } from 'node:module';
import type { Clock } from './clock.js';

/** Between two looks, ms. */
const LOOK_MS = 1000;
/** By so much resident memory must have grown, bytes. */
const GROWTH = 1024 * 1024;
/** Giving back may take a thousandth of the time. */
const SHARE = 1000;

/** What is asked of the process. */
export interface ProcessMemory {
  /** Bytes. */
  resident(): number;
  /** Gives back what malloc keeps of freed memory. Returns the processor time that it took, ms. */
  trim(): number;
}

/**
 * Has malloc give freed memory back when the process has grown. By itself it returns only what is free at the end of its heap,
 * and V8's compilers leave some 20 MB of holes.
 */
export class FreedMemory {
  private floor: number;

  constructor(
    private readonly memory: ProcessMemory,
    private readonly clock: Clock,
  ) {
    this.floor = memory.resident();
    this.await(LOOK_MS);
  }

  private await(ms: number): void {
    this.clock.after(ms, () => this.look());
  }

  private look(): void {
    const { memory } = this;
    const resident = memory.resident();
    this.floor = Math.min(this.floor, resident);
    if (resident - this.floor < GROWTH) {
      this.await(LOOK_MS);
      return;
    }
    const cost = memory.trim();
    this.floor = memory.resident();
    this.await(Math.max(LOOK_MS, SHARE * cost));
  }
}

/** Loads what calls libc when it is first needed. Where libc or the library has no such call, nothing is given back. */
function loadTrim(): () => void {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const trim = koffi.load(null).func('int malloc_trim(size_t)');
    return () => trim(0);
  } catch {
    return () => {};
  }
}

let trim: ReturnType<typeof loadTrim> | undefined;

export const processMemory: ProcessMemory = {
  resident: () => process.memoryUsage.rss(),
  trim: () => {
    // Loading takes ten times as long, but only once.
    trim ??= loadTrim();
    const started = busyMs();
    trim();
    return busyMs() - started;
  },
};

/** Newer than Node 20. */
const newer = process as { threadCpuUsage?: () => NodeJS.CpuUsage };

/** Processor time of this thread, ms; where Node does not tell it, the time, which is longer where others use the processor. */
function busyMs(): number {
  const usage = newer.threadCpuUsage?.();
  return usage === undefined ? performance.now() : (usage.user + usage.system) / 1000;
}
