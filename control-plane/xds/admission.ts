interface Waiting {
  readonly connection: string;
  readonly start: () => void;
}

/**
 * Lets a bounded number of streams get their first configuration at a time; the others wait in the order in which they came. One
 * connection has few places, so that nobody keeps all others out by opening many streams.
 */
export class Admission {
  private inside = 0;
  private readonly insideOf = new Map<string, number>();
  private readonly waiting = new Set<Waiting>();

  constructor(
    private readonly most: number,
    private readonly mostOfOne: number,
  ) {}

  /** Calls `go` when there is a place, at once if there is one now. Returns what gives the place back, or gives up waiting for one. */
  enter(connection: string, go: () => void): () => void {
    let state: 'waiting' | 'inside' | 'out' = 'waiting';
    const one: Waiting = {
      connection,
      start: () => {
        this.waiting.delete(one);
        this.inside++;
        this.insideOf.set(connection, (this.insideOf.get(connection) ?? 0) + 1);
        state = 'inside';
        go();
      },
    };
    if (this.hasPlace(connection)) one.start();
    else this.waiting.add(one);
    return () => {
      this.waiting.delete(one);
      if (state === 'inside') this.leave(connection);
      state = 'out';
    };
  }

  private hasPlace(connection: string): boolean {
    return this.inside < this.most && (this.insideOf.get(connection) ?? 0) < this.mostOfOne;
  }

  private leave(connection: string): void {
    this.inside--;
    const left = (this.insideOf.get(connection) ?? 0) - 1;
    if (left > 0) this.insideOf.set(connection, left);
    else this.insideOf.delete(connection);
    for (const one of this.waiting) {
      if (!this.hasPlace(one.connection)) continue;
      one.start();
      return;
    }
  }

  get queued(): number {
    return this.waiting.size;
  }
}
