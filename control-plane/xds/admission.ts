/** Lets a bounded number of streams get their first configuration at a time; the others wait in the order in which they came. */
export class Admission {
  private inside = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly most: number) {}

  /** Calls `go` when there is a place, at once if there is one now. Returns what gives the place back, or gives up waiting for one. */
  enter(go: () => void): () => void {
    let state: 'waiting' | 'inside' | 'out' = 'waiting';
    const start = (): void => {
      this.waiting.delete(start);
      this.inside++;
      state = 'inside';
      go();
    };
    if (this.inside < this.most) start();
    else this.waiting.add(start);
    return () => {
      this.waiting.delete(start);
      if (state === 'inside') this.leave();
      state = 'out';
    };
  }

  private leave(): void {
    this.inside--;
    const [next] = this.waiting;
    if (next !== undefined && this.inside < this.most) next();
  }

  get queued(): number {
    return this.waiting.size;
  }
}
