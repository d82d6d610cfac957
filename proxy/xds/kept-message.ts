import protobuf from 'protobufjs/light.js';
import { decodeMessage, messageType } from '../../common/xds/codec.js';

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

/** One of the messages in a repeated field of a resource, kept as its part of the resource's bytes. */
export class KeptPart<T extends object> {
  constructor(
    private readonly typeUrl: string,
    private readonly bytes: Uint8Array,
    private readonly start: number,
    private readonly end: number,
  ) {}

  get(): T {
    return decodeMessage<T>(this.typeUrl, this.bytes.subarray(this.start, this.end));
  }
}

const LENGTH_DELIMITED = 2;

/**
 * The parts of a repeated field, in their order; none where the message came in no bytes.
 * @param typeUrl of the message, `field` by its name, `partUrl` of what is in it
 */
export function keptParts<T extends object>(
  message: object,
  typeUrl: string,
  field: string,
  partUrl: string,
): readonly KeptPart<T>[] {
  const bytes = sources.get(message);
  const id = messageType(typeUrl)?.fields[field]?.id;
  if (bytes === undefined || id === undefined) return [];
  const parts: KeptPart<T>[] = [];
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 !== id || (tag & 7) !== LENGTH_DELIMITED) {
      reader.skipType(tag & 7);
      continue;
    }
    const length = reader.uint32();
    parts.push(new KeptPart(partUrl, bytes, reader.pos, reader.pos + length));
    reader.skip(length);
  }
  return parts;
}
