import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Descriptors, descriptorsOf, readDescriptors } from './message-types.js';

/** Written by the build beside the compiled code: parsing the .proto files at every start costs tens of milliseconds. */
export const PREPARED = 'messages.txt';

/** The folder proto/ of this installation, and what the build has prepared of it; the sources, as tests run them, have none. */
const places: { readonly protos: string; readonly prepared: string | undefined } = (() => {
  let prepared: string | undefined;
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'proto', 'subset.yaml'))) {
    if (existsSync(join(dir, PREPARED))) prepared = join(dir, PREPARED);
    const parent = dirname(dir);
    if (parent === dir) throw new Error('the proto/ folder of this installation is missing');
    dir = parent;
  }
  return { protos: join(dir, 'proto'), prepared };
})();

export const protoDirectory = places.protos;

/** Every .proto file of Envoy's and Istio's API and of ours that we carry, relative to {@link protoDirectory}. */
export function protoFiles(): string[] {
  return filesBelow(['envoy', 'google', 'istio', 'weft']);
}

function filesBelow(folders: readonly string[]): string[] {
  return folders.flatMap((top) =>
    readdirSync(join(protoDirectory, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.proto'))
      .map((name) => join(top, name)),
  );
}

/** The messages that we carry, as the build has prepared them. */
export function descriptors(): Descriptors {
  return places.prepared === undefined ? parseProtos() : readDescriptors(readFileSync(places.prepared, 'utf8'));
}

/** The messages that we carry, from the .proto files. The parser is loaded for it. */
export function parseProtos(): Descriptors {
  const require = createRequire(import.meta.url);
  const protobuf = require('protobufjs') as typeof import('protobufjs');
  const descriptor = require('protobufjs/google/protobuf/descriptor.json') as {
    nested: { google: { nested: { protobuf: { nested: Record<string, unknown> } } } };
  };
  protobuf.common('descriptor', descriptor.nested.google.nested.protobuf.nested);
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    protobuf.common.get(target) === null && !target.startsWith('/') ? join(protoDirectory, target) : target;
  root.loadSync([...protoFiles(), ...filesBelow(['opentelemetry', 'spiffe'])], { keepCase: true });
  root.resolveAll();
  return descriptorsOf(root);
}
