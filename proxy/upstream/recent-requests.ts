const SLOTS = 10;

/** How many requests began within the last `intervalMs`, which is a window that moves in steps of a tenth of it. */
export class RecentRequests {
  private readonly slots: number[] = Array.from({ length: SLOTS + 1 }, () => 0);
  private sum = 0;
  private step = 0;
  private readonly stepMs: number;

  /** @param now monotonic, ms */
  constructor(
    readonly intervalMs: number,
    private readonly now: () => number,
  ) {
    this.stepMs = intervalMs / SLOTS;
    this.step = Math.floor(now() / this.stepMs);
  }

  begin(): void {
    this.advance();
    this.add(this.step, 1);
  }

  count(): number {
    this.advance();
    return this.sum;
  }

  private advance(): void {
    const step = Math.floor(this.now() / this.stepMs);
    const from = Math.max(this.step + 1, step - SLOTS);
    for (let at = from; at <= step; at++) this.add(at, -(this.slots[at % this.slots.length] ?? 0));
    this.step = step;
  }

  private add(step: number, count: number): void {
    const index = step % this.slots.length;
    this.slots[index] = (this.slots[index] ?? 0) + count;
    this.sum += count;
  }
}
