/** Too much work is waiting already. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
}

/** Lets a bounded number of tasks run at once and a bounded number wait. */
export class Gate {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limits: { readonly running: number; readonly waiting: number }) {}

  /** Rejects with a {@link BusyError} when as many wait as may. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.running >= this.limits.running) {
      if (this.waiting.length >= this.limits.waiting) throw new BusyError('too many requests are waiting');
      await new Promise<void>((go) => this.waiting.push(go));
    } else this.running++;
    try {
      return await task();
    } finally {
      // The place goes straight to the next one, so that nobody who comes now can take it.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
