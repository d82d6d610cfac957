import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Counter } from '../../common/runtime/counters.js';
import type { Span, SpanSink } from './span.js';

export interface SpanQueueOptions {
  readonly clock: Clock;
  /** Sends one batch; rejects when it did not arrive. */
  readonly send: (batch: readonly Span[]) => Promise<void>;
  readonly sent: Counter;
  /** Spans that did not fit, and those of batches that did not arrive. */
  readonly dropped: Counter;
  readonly failed: Counter;
}

/** Spans wait so long for others, ms; a full batch goes at once. */
const FLUSH_MS = 1000;
const BATCH = 256;
/** Spans that may wait while batches are under way. */
const CAPACITY = 2048;
const CONCURRENT = 2;

/** Gathers spans to batches and sends them in the background. Bounded: what is too much is dropped and counted. */
export class SpanQueue implements SpanSink {
  private waiting: Span[] = [];
  private underWay = 0;
  private timer: Timer | undefined = undefined;

  constructor(private readonly options: SpanQueueOptions) {}

  add(span: Span): void {
    if (this.waiting.length >= CAPACITY) {
      this.options.dropped.increment();
      return;
    }
    this.waiting.push(span);
    if (this.waiting.length >= BATCH) this.flush();
    else this.timer ??= this.options.clock.after(FLUSH_MS, () => this.flush());
  }

  /** Sends what waits, as far as batches may be under way. */
  flush(): void {
    this.timer?.cancel();
    this.timer = undefined;
    while (this.waiting.length > 0 && this.underWay < CONCURRENT) this.send(this.waiting.splice(0, BATCH));
    if (this.waiting.length > 0) this.timer = this.options.clock.after(FLUSH_MS, () => this.flush());
  }

  private send(batch: readonly Span[]): void {
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
