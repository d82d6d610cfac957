import type { Clock, Timer } from '../../../common/runtime/clock.js';
import type { CoarseTimers, Sleeper } from '../../http/coarse-timers.js';

/** Below this a timeout gets a timer of its own, because the coarse ones come late; ms. */
const PRECISE_BELOW = 1000;

/** One timeout of a request. */
export class Deadline implements Sleeper {
  /** Kept by the timers. */
  wakeAt = 0;
  private at = 0;
  private timer: Timer | undefined = undefined;

  constructor(
    private readonly clock: Clock,
    private readonly timers: CoarseTimers,
    private readonly expire: () => void,
  ) {}

  /** Starts, or starts again. */
  start(ms: number): void {
    this.cancel();
    if (ms < PRECISE_BELOW) {
      this.timer = this.clock.after(ms, this.expire);
      return;
    }
    this.at = this.clock.monotonic() + ms;
    this.timers.schedule(this, this.at);
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timers.cancel(this);
  }

  onWake(now: number): void {
    if (now >= this.at) this.expire();
    else this.timers.schedule(this, this.at);
  }
}
