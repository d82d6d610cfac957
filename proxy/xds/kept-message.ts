import { decodeMessage } from '../../common/xds/codec.js';

/** Bytes that messages were decoded from. */
const sources = new WeakMap<object, Uint8Array>();

export function rememberBytes(message: object, bytes: Uint8Array): void {
  sources.set(message, bytes);
}

/** A resource that only dumps look at again: kept as the bytes in which it came, where it came in any. */
export class KeptMessage<T extends object> {
  private readonly source: T | Uint8Array;

  constructor(
    private readonly typeUrl: string,
    message: T,
  ) {
    this.source = sources.get(message) ?? message;
  }

  get(): T {
    return this.source instanceof Uint8Array ? decodeMessage<T>(this.typeUrl, this.source) : this.source;
  }
}
