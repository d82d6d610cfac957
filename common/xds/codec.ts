import type protobuf from 'protobufjs';
import { MessageTypes } from './message-types.js';
import { descriptors } from './proto-files.js';
import { messageNameOf } from './type-urls.js';

/**
 * Messages are plain objects throughout: field names in snake_case as in the .proto files, absent fields absent,
 * enums as names, 64-bit integers as numbers, bytes as Buffer, and an Any whose type we carry unpacked in place as
 * `{'@type': URL, …fields}`. Their types are generated under proto/gen.
 */
const OUTPUT: protobuf.IConversionOptions = { longs: Number, enums: String, bytes: Buffer, json: true };

let loaded: MessageTypes | undefined;
/** By type URL: protobufjs looks from namespace to namespace. */
const found = new Map<string, protobuf.Type>();

/** The message type behind a type URL, or undefined when we do not carry it. */
export function messageType(typeUrl: string): protobuf.Type | undefined {
  const known = found.get(typeUrl);
  if (known !== undefined) return known;
  loaded ??= new MessageTypes(descriptors());
  try {
    const type = loaded.lookupType(messageNameOf(typeUrl));
    found.set(typeUrl, type);
    return type;
  } catch {
    return undefined;
  }
}

function requireType(typeUrl: string): protobuf.Type {
  const type = messageType(typeUrl);
  if (type === undefined) throw new TypeError(`no message type ${messageNameOf(typeUrl)} in proto/`);
  return type;
}

/** Serialized form of a message. An enum name or a field type that does not fit throws a TypeError. */
export function encodeMessage(typeUrl: string, message: object): Buffer {
  const type = requireType(typeUrl);
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

/** Plain-object form of a serialized message. Bytes that are no such message throw. */
export function decodeMessage<T extends object>(typeUrl: string, bytes: Uint8Array): T {
  const type = requireType(typeUrl);
  return type.toObject(type.decode(bytes), OUTPUT) as T;
}
