import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Clock, systemClock } from '../../common/runtime/clock.js';

const MIB = 1024 * 1024;
/** Memory of packets between two collections of young objects, bytes. */
const COLLECT_EVERY = 8 * MIB;
/** How far the heap may grow until everything is collected: bytes, and percent of a large heap. */
const ROOM = 32 * MIB;
const ROOM_PERCENT = 50;
/** So long after the last large packets the heap is kept small again. */
const CALM_MS = 10_000;
/** Two collections within this time are those of large bodies; many small messages bring garbage of V8's own too. */
const OFTEN_MS = 500;

/** What is asked of V8. */
export interface Heap {
  /** Of its objects, bytes. */
  size(): number;
  collectYoung(): void;
  /** How far the heap may grow until everything is collected; 0: as V8 finds best. */
  setGrowth(percent: number): void;
}

/**
 * Has V8 collect the memory of packets in time. When to collect young objects it decides by their own size, which
 * is a hundredth of that of their packets; these bring it to collect everything instead, after each nine MiB, which takes two
 * hundred times as long.
 */
export class SpentPackets {
  private bytes = 0;
  private scheduled = false;
  private often = false;
  /** Monotonic ms of the last collection. */
  private last = Number.NEGATIVE_INFINITY;
  private roomy = false;

  constructor(
    private readonly heap: Heap,
    private readonly clock: Clock,
  ) {}

  /** To be called with the memory that a large packet takes. */
  count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < COLLECT_EVERY || this.scheduled) return;
    this.scheduled = true;
    // When this turn's writes have left, fewer packets are in use.
    setImmediate(() => this.collect());
  }

  private collect(): void {
    const { heap } = this;
    this.scheduled = false;
    this.bytes = 0;
    heap.collectYoung();
    const now = this.clock.monotonic();
    const often = now - this.last < OFTEN_MS;
    this.last = now;
    this.often ||= often;
    if (this.roomy || !often) return;
    this.roomy = true;
    // What was in use at two collections counts as old, and is only found among everything.
    heap.setGrowth(Math.max(ROOM_PERCENT, Math.round((100 * ROOM) / heap.size())));
    this.awaitCalm();
  }

  private awaitCalm(): void {
    this.often = false;
    this.clock.after(CALM_MS, () => {
      if (this.often) {
        this.awaitCalm();
        return;
      }
      this.roomy = false;
      this.heap.collectYoung();
      this.heap.setGrowth(0);
    });
  }
}

/** V8 gives its `gc` only to contexts that are made while a flag is set. */
function findCollector(): (options: { readonly type: 'minor' }) => void {
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('typeof gc === "function" ? gc : undefined');
  setFlagsFromString('--no-expose-gc');
  return typeof found === 'function' ? (found as ReturnType<typeof findCollector>) : () => {};
}

let collector: ReturnType<typeof findCollector> | undefined;

export const v8Heap: Heap = {
  size: () => getHeapStatistics().used_heap_size,
  collectYoung: () => {
    collector ??= findCollector();
    collector({ type: 'minor' });
  },
  setGrowth: (percent) => setFlagsFromString(`--heap-growing-percent=${percent}`),
};

/** Of all connections, as they share a heap. */
export const spentPackets = new SpentPackets(v8Heap, systemClock);
