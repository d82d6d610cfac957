import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Counter } from '../../common/runtime/counters.js';

export interface ExportQueueOptions<T> {
  readonly clock: Clock;
  /** Sends one batch; rejects when it did not arrive. */
  readonly send: (batch: readonly T[]) => Promise<void>;
  readonly sent: Counter;
  /** What did not fit, and what was in batches that did not arrive. */
  readonly dropped: Counter;
  readonly failed: Counter;
  /** How long one waits for others, ms (default 1 s). */
  readonly flushMs?: number;
}

/** A full batch goes at once. */
const FLUSH_MS = 1000;
const BATCH = 256;
/** What may wait while batches are under way. */
const CAPACITY = 2048;
const CONCURRENT = 2;

/** Gathers spans or log records to batches and sends them in the background. Bounded: what is too much is dropped and counted. */
export class ExportQueue<T> {
  private waiting: T[] = [];
  private underWay = 0;
  private timer: Timer | undefined = undefined;

  constructor(private readonly options: ExportQueueOptions<T>) {}

  add(one: T): void {
    if (this.waiting.length >= CAPACITY) {
      this.options.dropped.increment();
      return;
    }
    this.waiting.push(one);
    if (this.waiting.length >= BATCH) this.flush();
    else this.timer ??= this.options.clock.after(this.options.flushMs ?? FLUSH_MS, () => this.flush());
  }

  /** Sends what waits, as far as batches may be under way. */
  flush(): void {
    this.timer?.cancel();
    this.timer = undefined;
    while (this.waiting.length > 0 && this.underWay < CONCURRENT) this.send(this.waiting.splice(0, BATCH));
    if (this.waiting.length > 0)
      this.timer = this.options.clock.after(this.options.flushMs ?? FLUSH_MS, () => this.flush());
  }

  private send(batch: readonly T[]): void {
    const { sent, failed, dropped } = this.options;
    this.underWay++;
    this.options.send(batch).then(
      () => {
        this.underWay--;
        sent.value += batch.length;
      },
      () => {
        this.underWay--;
        failed.increment();
        dropped.value += batch.length;
      },
    );
  }
}
