import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Clock } from '../common/runtime/clock.js';

/** Between two looks, ms. */
const LOOK_MS = 1000;
/** From so much on, bytes a second, a larger young generation costs less processor time; some 4,000 requests a second. */
const MUCH = 48 * 1024 * 1024;

/** What is asked of V8. */
export interface YoungMemory {
  /** Bytes that were ever allocated. undefined: this V8 does not tell. */
  allocated(): number | undefined;
  /** Whether the young generation may double each time when much of it survives. */
  mayGrow(may: boolean): void;
}

/**
 * Keeps V8's young generation at its first size while little is allocated: otherwise it grows to its bound with time, however small
 * the load, and stays there until nothing happens at all. What it has grown to, V8 takes back when it is idle.
 */
export class YoungGeneration {
  private last = 0;
  private much = false;
  private growing: boolean | undefined;

  constructor(
    private readonly memory: YoungMemory,
    private readonly clock: Clock,
  ) {
    const allocated = memory.allocated();
    if (allocated === undefined) return;
    this.last = allocated;
    this.set(false);
    this.await();
  }

  private await(): void {
    this.clock.after(LOOK_MS, () => this.look());
  }

  private look(): void {
    const allocated = this.memory.allocated() ?? 0;
    const much = allocated - this.last >= MUCH;
    // The first second of any load allocates that much: code and feedback.
    this.set(much && this.much);
    this.much = much;
    this.last = allocated;
    this.await();
  }

  private set(growing: boolean): void {
    if (growing === this.growing) return;
    this.growing = growing;
    this.memory.mayGrow(growing);
  }
}

/** Newer than Node 20. */
interface NewerStatistics {
  readonly total_allocated_bytes?: number;
}

export const youngMemory: YoungMemory = {
  allocated: () => (getHeapStatistics() as NewerStatistics).total_allocated_bytes,
  mayGrow: (may) => setFlagsFromString(`--semi-space-growth-factor=${may ? 2 : 1}`),
};
