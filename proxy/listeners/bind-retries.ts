import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';

/** Nothing is asked but our own kernel: no jitter is needed. */
const DELAYS = { baseMs: 1000, maxMs: 30_000, random: () => 1 };

interface Waiting {
  readonly backoff: Backoff;
  timer: Timer | undefined;
}

/** Listeners that could not bind and are still wanted: each is tried again, ever more seldom. */
export class BindRetries {
  private readonly waiting = new Map<string, Waiting>();

  constructor(private readonly clock: Clock) {}

  /** Nobody waits for this name any more: it is gone, or something newer has come. */
  forget(name: string): void {
    this.waiting.get(name)?.timer?.cancel();
    this.waiting.delete(name);
  }

  forgetAll(): void {
    for (const name of [...this.waiting.keys()]) this.forget(name);
  }

  /** Calls `bind` until it says that it has bound. `inTurn` lets it wait for what is under way; it may be forgotten meanwhile. */
  start(name: string, bind: () => Promise<boolean>, inTurn: (work: () => Promise<void>) => Promise<void>): void {
    this.forget(name);
    const waiting: Waiting = { backoff: new Backoff(DELAYS), timer: undefined };
    this.waiting.set(name, waiting);
    const again = (): void => {
      waiting.timer = this.clock.after(waiting.backoff.next(), () => void inTurn(attempt));
    };
    const attempt = async (): Promise<void> => {
      const wanted = (): boolean => this.waiting.get(name) === waiting;
      if (!wanted()) return;
      const bound = await bind();
      if (!wanted()) return;
      if (bound) this.forget(name);
      else again();
    };
    again();
  }
}
