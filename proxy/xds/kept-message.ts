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
  if (bytes === undefined) return [];
  const parts: KeptPart<T>[] = [];
  const wanted = numberOf(typeUrl, field);
  eachField(bytes, (number, value, end) => {
    if (number === wanted) parts.push(new KeptPart(partUrl, bytes, value, end));
  });
  return parts;
}

/** A message without one of its fields, for those that are too large to live as a whole: {@link keptParts} has the field. */
export function decodeWithout<T extends object>(typeUrl: string, field: string, bytes: Uint8Array): T {
  const rest: Uint8Array[] = [];
  const unwanted = numberOf(typeUrl, field);
  eachField(bytes, (number, _, end, from) => {
    if (number !== unwanted) rest.push(bytes.subarray(from, end));
  });
  const message = decodeMessage<T>(typeUrl, Buffer.concat(rest));
  rememberBytes(message, bytes);
  return message;
}

const LENGTH_DELIMITED = 2;

/** @param visit is given where the value of a field begins (that of a message after its length) and ends, and where the field does */
function eachField(bytes: Uint8Array, visit: (number: number, value: number, end: number, from: number) => void): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const tag = reader.uint32();
    let value = reader.pos;
    if ((tag & 7) === LENGTH_DELIMITED) {
      const length = reader.uint32();
      value = reader.pos;
      reader.skip(length);
    } else reader.skipType(tag & 7);
    visit(tag >>> 3, value, reader.pos, from);
  }
}

function numberOf(typeUrl: string, field: string): number | undefined {
  return messageType(typeUrl)?.fields[field]?.id;
}
