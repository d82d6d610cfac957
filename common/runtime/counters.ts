/** A count kept in a plain field, found once and then only incremented. */
export class Counter {
  value = 0;

  increment(): void {
    this.value++;
  }
}

/** Counters by name; the same name gives the same counter, whatever configuration asks for it. */
export class Counters {
  private readonly byName = new Map<string, Counter>();

  readonly get = (name: string): Counter => {
    let counter = this.byName.get(name);
    if (counter === undefined) {
      counter = new Counter();
      this.byName.set(name, counter);
    }
    return counter;
  };

  entries(): IterableIterator<[string, Counter]> {
    return this.byName.entries();
  }
}
