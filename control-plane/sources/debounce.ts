import type { Clock, Timer } from '../../common/runtime/clock.js';

/** Calls back, with the ms since the first call, when it has been quiet for a while, and at the latest some time after it. */
export class Debounce {
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #maxMs: number;
  readonly #callback: (waitedMs: number) => void;
  #since: number | undefined;
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    limits: { readonly quietMs: number; readonly maxMs: number },
    callback: (waitedMs: number) => void,
  ) {
    this.#clock = clock;
    this.#quietMs = limits.quietMs;
    this.#maxMs = limits.maxMs;
    this.#callback = callback;
  }

  trigger(): void {
    const now = this.#clock.monotonic();
    this.#since ??= now;
    this.#timer?.cancel();
    const wait = Math.min(this.#quietMs, Math.max(0, this.#since + this.#maxMs - now));
    this.#timer = this.#clock.after(wait, () => {
      const waited = this.#clock.monotonic() - (this.#since ?? now);
      this.#since = undefined;
      this.#timer = undefined;
      this.#callback(waited);
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#since = undefined;
    this.#timer = undefined;
  }
}
