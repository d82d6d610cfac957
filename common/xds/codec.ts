import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { messageNameOf } from './type-urls.js';

/**
 * Messages are plain objects throughout: field names in snake_case as in the .proto files, absent fields absent,
 * enums as names, 64-bit integers as numbers, bytes as Buffer, and an Any whose type we carry unpacked in place as
 * `{'@type': URL, …fields}`. Their types are generated under proto/gen.
 */
const OUTPUT: protobuf.IConversionOptions = { longs: Number, enums: String, bytes: Buffer, json: true };

/** The folder proto/ of this installation; the compiled code lies one level deeper than the sources. */
export const protoDirectory: string = (() => {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'proto', 'subset.yaml'))) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error('the proto/ folder of this installation is missing');
    dir = parent;
  }
  return join(dir, 'proto');
})();

/** Every .proto file that we carry, relative to {@link protoDirectory}. */
export function protoFiles(): string[] {
  return ['envoy', 'google', 'istio', 'weft'].flatMap((top) =>
    readdirSync(join(protoDirectory, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.proto'))
      .map((name) => join(top, name)),
  );
}

/** Loads proto3's well-known types, and files of {@link protoDirectory}. */
export function loadProtos(files: readonly string[]): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    protobuf.common.get(target) === null && !target.startsWith('/') ? join(protoDirectory, target) : target;
  root.loadSync([...files], { keepCase: true });
  root.resolveAll();
  return root;
}

let loaded: protobuf.Root | undefined;

/** The reflection root of all messages that we carry; loaded at first use. */
export function protoRoot(): protobuf.Root {
  if (loaded !== undefined) return loaded;
  const require = createRequire(import.meta.url);
  const descriptor = require('protobufjs/google/protobuf/descriptor.json') as {
    nested: { google: { nested: { protobuf: { nested: Record<string, unknown> } } } };
  };
  protobuf.common('descriptor', descriptor.nested.google.nested.protobuf.nested);
  loaded = loadProtos(protoFiles());
  return loaded;
}

/** The message type behind a type URL, or undefined when we do not carry it. */
export function messageType(typeUrl: string): protobuf.Type | undefined {
  try {
    return protoRoot().lookupType(messageNameOf(typeUrl));
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
