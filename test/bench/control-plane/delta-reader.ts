import { type Contents, Inflated } from './inflated.js';

/** What a simulated sidecar wants to know of a DeltaDiscoveryResponse. */
export interface DeltaSink {
  /** Each resource, by name and version; its content is passed over. */
  resource(name: string, version: string): void;
  removed(name: string): void;
  /** The message is complete. */
  end(typeUrl: string, nonce: string, bytes: number): void;
}

const FRAME_HEADER = 5;
/** Fields of DeltaDiscoveryResponse and Resource. */
const RESOURCES = 2;
const TYPE_URL = 4;
const NONCE = 5;
const REMOVED = 6;
const RESOURCE_VERSION = 1;
const RESOURCE_NAME = 3;

const NOTHING = Buffer.alloc(0);

/**
 * Reads the frames of a gRPC stream of DeltaDiscoveryResponses as they come, without decoding what resources hold and without
 * keeping them: what thousands of clients on one processor can afford.
 */
export class DeltaReader {
  #carry = NOTHING;
  /** Octets to pass over. */
  #skip = 0;
  /** Octets left in the message, and in the resource that is being read; 0 outside. */
  #message = 0;
  #resource = 0;
  #length = 0;
  #name = '';
  #version = '';
  #typeUrl = '';
  #nonce = '';
  /** Of a compressed message that has not come whole. */
  #compressed: Buffer[] | undefined;

  constructor(private readonly sink: DeltaSink) {}

  push(chunk: Buffer): void {
    let bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = NOTHING;
    while (bytes.length > 0) {
      const used = this.#step(bytes);
      if (used === 0) break;
      bytes = bytes.subarray(used);
    }
    // A chunk's memory is large; what is carried over is a few octets of it.
    if (bytes.length > 0) this.#carry = Buffer.from(bytes);
  }

  /** Octets that it used; 0 when it needs more. */
  #step(bytes: Buffer): number {
    if (this.#skip > 0) {
      const used = Math.min(this.#skip, bytes.length);
      this.#skip -= used;
      this.#consume(used);
      return used;
    }
    if (this.#message === 0) return this.#begin(bytes);
    if (this.#compressed !== undefined) return this.#gather(this.#compressed, bytes);
    const tag = bytes[0] ?? 0;
    const [length, after] = varint(bytes, 1);
    if (after === 0) return 0;
    if ((tag & 7) !== 2) {
      this.#consume(after);
      return after;
    }
    const field = tag >> 3;
    if (this.#resource === 0 && field === RESOURCES) {
      this.#consume(after);
      this.#resource = length;
      if (length === 0) this.#endResource();
      return after;
    }
    const wanted = this.#resource > 0 ? field === RESOURCE_NAME || field === RESOURCE_VERSION : field >= TYPE_URL;
    if (!wanted) {
      this.#consume(after);
      this.#skip = length;
      return after;
    }
    if (bytes.length < after + length) return 0;
    this.#take(field, bytes.toString('latin1', after, after + length));
    this.#consume(after + length);
    return after + length;
  }

  #begin(bytes: Buffer): number {
    if (bytes.length < FRAME_HEADER) return 0;
    this.#length = bytes.readUInt32BE(1);
    this.#message = this.#length;
    if (bytes[0] === 1) this.#compressed = [];
    return FRAME_HEADER;
  }

  #gather(parts: Buffer[], bytes: Buffer): number {
    const used = Math.min(this.#message, bytes.length);
    parts.push(bytes.subarray(0, used));
    this.#message -= used;
    if (this.#message > 0) return used;
    this.#compressed = undefined;
    let typeUrl = '';
    let nonce = '';
    for (const contents of inflated.read(Buffer.concat(parts))) {
      for (const [name, version] of contents.resources) this.sink.resource(name, version);
      for (const name of contents.removed) this.sink.removed(name);
      typeUrl ||= contents.typeUrl;
      nonce ||= contents.nonce;
    }
    this.sink.end(typeUrl, nonce, this.#length);
    return used;
  }

  #take(field: number, text: string): void {
    if (this.#resource > 0) {
      if (field === RESOURCE_NAME) this.#name = text;
      else this.#version = text;
    } else if (field === TYPE_URL) this.#typeUrl = text;
    else if (field === NONCE) this.#nonce = text;
    else if (field === REMOVED) this.sink.removed(text);
  }

  #consume(octets: number): void {
    if (this.#resource > 0) {
      this.#resource -= octets;
      if (this.#resource === 0) this.#endResource();
    }
    this.#message -= octets;
    if (this.#message === 0 && this.#skip === 0) this.sink.end(this.#typeUrl, this.#nonce, this.#length);
  }

  #endResource(): void {
    this.sink.resource(this.#name, this.#version);
  }
}

const inflated = new Inflated(readPlain);

function readPlain(plain: Buffer): Contents | undefined {
  const resources: (readonly [string, string])[] = [];
  const removed: string[] = [];
  let contents: Contents | undefined;
  const reader = new DeltaReader({
    resource: (name, version) => resources.push([name, version]),
    removed: (name) => removed.push(name),
    end: (typeUrl, nonce) => {
      contents = { resources, removed, typeUrl, nonce };
    },
  });
  const header = Buffer.alloc(FRAME_HEADER);
  header.writeUInt32BE(plain.length, 1);
  reader.push(Buffer.concat([header, plain]));
  return contents;
}

/** A varint and where it ends; 0 when it is not complete. */
function varint(bytes: Buffer, start: number): readonly [value: number, end: number] {
  let value = 0;
  for (let i = start, shift = 0; i < bytes.length; i++, shift += 7) {
    const octet = bytes[i] ?? 0;
    value += (octet & 0x7f) * 2 ** shift;
    if (octet < 0x80) return [value, i + 1];
  }
  return [0, 0];
}
