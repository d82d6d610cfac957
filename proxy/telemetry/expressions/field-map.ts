import type { HeaderList } from '../../http/headers.js';

/** Header fields as a map of an expression: looked up when they are asked for, whatever their case. */
export class FieldMap extends Map<string, string> {
  constructor(
    private readonly fields: HeaderList,
    private readonly lookup: (key: string) => string | undefined,
  ) {
    super();
  }

  override get(key: string): string | undefined {
    return this.lookup(key.toLowerCase());
  }

  override has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  override get size(): number {
    return this.names().length;
  }

  override *keys(): MapIterator<string> {
    yield* this.names();
  }

  override *entries(): MapIterator<[string, string]> {
    for (const name of this.names()) yield [name, this.get(name) ?? ''];
  }

  override [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }

  private names(): string[] {
    return [...new Set(Array.from({ length: this.fields.size }, (_, index) => this.fields.keyAt(index)))];
  }
}
// The library tells a map by its constructor.
FieldMap.prototype.constructor = Map;
