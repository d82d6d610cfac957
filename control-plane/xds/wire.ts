import { storedPiece, zlibStream } from './deflate.js';
import type { EncodedResource } from './encoded.js';
import { Gathered } from './gathered.js';
import type { Reply } from './protocol.js';
import { piecesOf } from './resource-pieces.js';

/** Field numbers of envoy.service.discovery.v3. */
const RESPONSE = { version: 1, resources: 2, typeUrl: 4, nonce: 5, removed: 6 } as const;
const RESOURCE = { version: 1, resource: 2, name: 3 } as const;
const ANY = { typeUrl: 1, value: 2 } as const;
/** Octets: a client spends more on starting to decompress than anybody does on sending them. */
const LEAST_COMPRESSED = 8192;

/**
 * A resource as a field of a DeltaDiscoveryResponse: made once, put into the responses to all proxies as it is. `bytes` is the
 * same memory, which is no part of Node's pool: a small piece that is kept would keep all of a slab.
 */
export function resourceField(
  typeUrl: string,
  name: string,
  version: string,
  message: Buffer,
): { readonly field: Buffer; readonly bytes: Buffer } {
  const any = [...text(ANY.typeUrl, typeUrl), fieldHeader(ANY.value, message.length), message];
  const before = [...text(RESOURCE.version, version), fieldHeader(RESOURCE.resource, lengthOf(any))];
  const after = text(RESOURCE.name, name);
  const start = fieldHeader(RESPONSE.resources, lengthOf(before) + lengthOf(any) + lengthOf(after));
  const head = [start, ...before, ...any];
  const end = lengthOf(head);
  const field = Buffer.allocUnsafeSlow(end + lengthOf(after));
  let at = 0;
  for (const part of [...head, ...after]) at += part.copy(field, at);
  return { field, bytes: field.subarray(end - message.length, end) };
}

/** A DeltaDiscoveryResponse, whose resources are serialized already; what is its own stands in front of them. */
export class DeltaResponse {
  private readonly own: readonly Buffer[];
  private readonly resources: readonly EncodedResource[];

  constructor({ typeUrl, nonce, version, resources, removed }: Reply) {
    const own = [
      ...text(RESPONSE.version, version),
      ...text(RESPONSE.typeUrl, typeUrl),
      ...text(RESPONSE.nonce, nonce),
    ];
    for (const name of removed) own.push(...text(RESPONSE.removed, name));
    this.own = own;
    this.resources = resources;
  }

  plain(): Gathered {
    const parts = [...this.own];
    for (const { field } of this.resources) parts.push(field);
    return new Gathered(parts);
  }

  /** By gRPC's `deflate`; undefined for a message that is too small for it. */
  compressed(): Gathered | undefined {
    const length = this.resources.reduce((sum, { field }) => sum + field.length, 0);
    if (length < LEAST_COMPRESSED) return undefined;
    return new Gathered(zlibStream([storedPiece(this.own), ...piecesOf(this.resources)]), true);
  }
}

function text(field: number, content: string): Buffer[] {
  const bytes = Buffer.from(content);
  return [fieldHeader(field, bytes.length), bytes];
}

/** Tag and length of a length-delimited field. */
export function fieldHeader(field: number, length: number): Buffer {
  const octets = [(field << 3) | 2];
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) octets.push((rest & 0x7f) | 0x80);
  octets.push(rest);
  return Buffer.from(octets);
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
