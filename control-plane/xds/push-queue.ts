/**
 * Work by key with a bounded number at a time. A key that already waits is joined, one that is being worked on gets one more
 * turn: however many changes come, nothing is done for a state that is already out of date.
 */
export class PushQueue<Key> {
  private readonly waiting = new Set<Key>();
  private readonly running = new Set<Key>();
  private scheduled = false;

  constructor(
    private readonly concurrency: number,
    private readonly work: (key: Key) => void | Promise<void>,
  ) {}

  add(key: Key): void {
    this.waiting.add(key);
    this.schedule();
  }

  remove(key: Key): void {
    this.waiting.delete(key);
  }

  get depth(): number {
    return this.waiting.size;
  }

  /** In a turn of its own, so that all changes of this one are seen together, and so that work does not hold up streams. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.start();
    });
  }

  private start(): void {
    for (const key of this.waiting) {
      if (this.running.size >= this.concurrency) return;
      if (this.running.has(key)) continue;
      this.waiting.delete(key);
      void this.run(key);
    }
  }

  private async run(key: Key): Promise<void> {
    this.running.add(key);
    try {
      await this.work(key);
    } finally {
      this.running.delete(key);
      if (this.waiting.size > 0) this.schedule();
    }
  }
}
