/**
 * The header fields of one message, in the order and case in which they arrived. Look-ups are by lower-case name
 * (RFC 9110 section 5.1: field names are case-insensitive). Values carry no leading or trailing white space.
 */
export class HeaderList {
  private readonly keys: string[] = [];
  private readonly names: string[] = [];
  private readonly vals: string[] = [];

  get size(): number {
    return this.keys.length;
  }

  /** The first value of a field. `key` is lower-case. */
  get(key: string): string | undefined {
    const index = this.find(key, 0);
    return index < 0 ? undefined : this.vals[index];
  }

  has(key: string): boolean {
    return this.find(key, 0) >= 0;
  }

  /** All values of a field, in order. */
  all(key: string): string[] {
    return this.vals.filter((_, index) => this.keys[index] === key);
  }

  /** All values joined by a comma, as matchers see a repeated field; undefined when it is absent. */
  joined(key: string): string | undefined {
    const index = this.find(key, 0);
    if (index < 0) return undefined;
    if (this.find(key, index + 1) < 0) return this.vals[index];
    return this.all(key).join(',');
  }

  /** Adds a field at the end. `name` keeps its case on the wire. */
  append(name: string, value: string): void {
    this.appendKnown(name.toLowerCase(), name, value);
  }

  /** The same for callers that have the lower-case name already, as parsers do. */
  appendKnown(key: string, name: string, value: string): void {
    this.keys.push(key);
    this.names.push(name);
    this.vals.push(value);
  }

  /** Gives a field exactly one value: in the place of the first, or at the end. `key` is lower-case. */
  set(key: string, value: string): void {
    const index = this.find(key, 0);
    if (index < 0) {
      this.appendKnown(key, key, value);
      return;
    }
    this.vals[index] = value;
    for (let i = this.find(key, index + 1); i >= 0; i = this.find(key, i)) this.removeAt(i);
  }

  /** Removes every occurrence. Returns whether there was one. */
  delete(key: string): boolean {
    let found = false;
    for (let i = this.find(key, 0); i >= 0; i = this.find(key, i)) {
      this.removeAt(i);
      found = true;
    }
    return found;
  }

  /** Removes every field whose lower-case name the test accepts. */
  deleteWhere(test: (key: string) => boolean): void {
    for (let i = this.keys.length - 1; i >= 0; i--) if (test(this.keyAt(i))) this.removeAt(i);
  }

  /** Lower-case name at a position; positions run from 0 to size - 1. */
  keyAt(index: number): string {
    return this.keys[index] ?? '';
  }

  nameAt(index: number): string {
    return this.names[index] ?? '';
  }

  valueAt(index: number): string {
    return this.vals[index] ?? '';
  }

  clone(): HeaderList {
    const copy = new HeaderList();
    for (let i = 0; i < this.keys.length; i++) copy.appendKnown(this.keyAt(i), this.nameAt(i), this.valueAt(i));
    return copy;
  }

  private find(key: string, from: number): number {
    const keys = this.keys;
    for (let i = from; i < keys.length; i++) if (keys[i] === key) return i;
    return -1;
  }

  private removeAt(index: number): void {
    removeFrom(this.keys, index);
    removeFrom(this.names, index);
    removeFrom(this.vals, index);
  }
}

/** As `splice`, which also makes a list of what it removes. */
function removeFrom(list: string[], index: number): void {
  for (let i = index + 1; i < list.length; i++) list[i - 1] = list[i] ?? '';
  list.pop();
}
