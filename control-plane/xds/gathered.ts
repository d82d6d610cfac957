/** A serialized message in pieces, most of which many messages share; nobody changes them. */
export class Gathered {
  readonly length: number;

  /** `compressed`: by the encoding that its call has announced. */
  constructor(
    readonly parts: readonly Buffer[],
    readonly compressed = false,
  ) {
    let length = 0;
    for (const part of parts) length += part.length;
    this.length = length;
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.parts, this.length);
  }
}

/** Copies the octets of pieces in order, as many at a time as there is room for. */
export class GatheredReader {
  private part = 0;
  private offset = 0;

  constructor(private readonly parts: readonly Buffer[]) {}

  get done(): boolean {
    return this.part >= this.parts.length;
  }

  /** Fills `target` from `start` on; returns where the octets end. */
  readInto(target: Buffer, start: number): number {
    let at = start;
    while (at < target.length) {
      const part = this.parts[this.part];
      if (part === undefined) break;
      const copied = part.copy(target, at, this.offset);
      at += copied;
      this.offset += copied;
      if (this.offset < part.length) break;
      this.part++;
      this.offset = 0;
    }
    return at;
  }
}
