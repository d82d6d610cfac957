import type { Clock, Timer } from '../../common/runtime/clock.js';

/** Something with deadlines that move often. It keeps them itself and is woken when the earliest may have passed. */
export interface Sleeper {
  /** Kept by {@link CoarseTimers}; start it at 0. */
  wakeAt: number;
  /** Acts on passed deadlines and schedules itself anew. `now` is monotonic ms. */
  onWake(now: number): void;
}

/**
 * One timer for all connections of a process. A deadline that moves away, as it does at every request, costs a
 * comparison: the sleeper is woken at the old time, looks, and goes on sleeping. Wakes up to `resolutionMs` late.
 */
export class CoarseTimers {
  private readonly buckets = new Map<number, Set<Sleeper>>();
  private timer: Timer | undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  private readonly clock: Clock;
  private readonly resolutionMs: number;

  constructor(clock: Clock, resolutionMs = 50) {
    this.clock = clock;
    this.resolutionMs = resolutionMs;
  }

  /** Wakes the sleeper at `at` (monotonic ms) at the latest; an earlier wake that is pending stays. */
  schedule(sleeper: Sleeper, at: number): void {
    const slot = Math.ceil(at / this.resolutionMs) * this.resolutionMs;
    if (sleeper.wakeAt !== 0) {
      if (sleeper.wakeAt <= slot) return;
      this.cancel(sleeper);
    }
    sleeper.wakeAt = slot;
    let bucket = this.buckets.get(slot);
    if (bucket === undefined) {
      bucket = new Set();
      this.buckets.set(slot, bucket);
    }
    bucket.add(sleeper);
    if (slot < this.timerAt) this.arm(slot);
  }

  cancel(sleeper: Sleeper): void {
    if (sleeper.wakeAt === 0) return;
    const bucket = this.buckets.get(sleeper.wakeAt);
    if (bucket?.delete(sleeper) === true && bucket.size === 0) this.buckets.delete(sleeper.wakeAt);
    sleeper.wakeAt = 0;
  }

  private arm(slot: number): void {
    this.timer?.cancel();
    this.timerAt = slot;
    this.timer = this.clock.after(Math.max(0, slot - this.clock.monotonic()), () => this.fire());
  }

  private fire(): void {
    const now = this.clock.monotonic();
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
    const due = [...this.buckets].filter(([slot]) => slot <= now + 1);
    for (const [slot] of due) this.buckets.delete(slot);
    for (const [, sleepers] of due) {
      for (const sleeper of sleepers) {
        sleeper.wakeAt = 0;
        sleeper.onWake(now);
      }
    }
    if (this.timer !== undefined) return;
    let next = Number.POSITIVE_INFINITY;
    for (const slot of this.buckets.keys()) if (slot < next) next = slot;
    if (next !== Number.POSITIVE_INFINITY) this.arm(next);
  }
}
