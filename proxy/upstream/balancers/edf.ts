interface Entry<T> {
  readonly item: T;
  deadline: number;
  order: number;
}

/**
 * Earliest-deadline-first schedule: every item comes up in proportion to its weight, spread evenly. The weight is asked
 * for anew whenever an item goes back, so that it may change in between. O(log n) a pick.
 */
export class EdfSchedule<T> {
  private readonly heap: Entry<T>[] = [];
  private readonly weightOf: (item: T) => number;
  private now = 0;
  private counter = 0;

  constructor(items: readonly T[], weightOf: (item: T) => number) {
    this.weightOf = weightOf;
    for (const item of items) this.push({ item, deadline: 1 / weightOf(item), order: this.counter++ });
  }

  next(): T | undefined {
    const top = this.heap[0];
    if (top === undefined) return undefined;
    this.now = top.deadline;
    top.deadline = this.now + 1 / this.weightOf(top.item);
    top.order = this.counter++;
    this.sink(0);
    return top.item;
  }

  private push(entry: Entry<T>): void {
    let index = this.heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.before(index, parent)) return;
      this.swap(index, parent);
      index = parent;
    }
  }

  private sink(start: number): void {
    let index = start;
    for (;;) {
      const left = index * 2 + 1;
      let least = index;
      if (this.before(left, least)) least = left;
      if (this.before(left + 1, least)) least = left + 1;
      if (least === index) return;
      this.swap(index, least);
      index = least;
    }
  }

  private before(a: number, b: number): boolean {
    const x = this.heap[a];
    const y = this.heap[b];
    if (x === undefined || y === undefined) return false;
    return x.deadline < y.deadline || (x.deadline === y.deadline && x.order < y.order);
  }

  private swap(a: number, b: number): void {
    const x = this.heap[a];
    const y = this.heap[b];
    if (x === undefined || y === undefined) return;
    this.heap[a] = y;
    this.heap[b] = x;
  }
}
