import { inflateSync } from 'node:zlib';
import { decodeMessage } from '../../../common/xds/codec.js';
import { TYPE } from '../../../common/xds/type-urls.js';

const RESPONSE = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryResponse';

interface DecodedDelta {
  readonly type_url?: string;
  readonly resources?: readonly {
    readonly name?: string;
    readonly resource?: { readonly type_url?: string; readonly value?: Uint8Array };
  }[];
  readonly removed_resources?: readonly string[];
}

/** What a sidecar that decodes everything has got: the proof that what the others acknowledge unseen is right. */
export class Sample {
  readonly #resources = new Map<string, Map<string, object>>();
  #chunks: Buffer[] = [];

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      const content = bytes.subarray(5, end);
      this.#take(decodeMessage<DecodedDelta>(RESPONSE, bytes[0] === 1 ? inflateSync(content) : content));
      bytes = bytes.subarray(end);
    }
    this.#chunks = bytes.length === 0 ? [] : [bytes];
  }

  of(typeUrl: string): ReadonlyMap<string, object> {
    return this.#resources.get(typeUrl) ?? new Map();
  }

  /** Names that listeners ask for by RDS. */
  routeNames(): string[] {
    const text = JSON.stringify([...this.of(TYPE.listener).values()]);
    return [...new Set([...text.matchAll(/"route_config_name":"([^"]+)"/g)].map(([, name]) => name ?? ''))];
  }

  /** Whether anything of a resource says this: an address, a duration. */
  says(typeUrl: string, name: string, text: string): boolean {
    return JSON.stringify(this.of(typeUrl).get(name) ?? {}).includes(text);
  }

  #take({ type_url: typeUrl = '', resources = [], removed_resources: removed = [] }: DecodedDelta): void {
    const held = this.#resources.get(typeUrl) ?? new Map<string, object>();
    this.#resources.set(typeUrl, held);
    for (const { name = '', resource } of resources)
      if (resource?.value !== undefined) held.set(name, decodeMessage(typeUrl, resource.value));
      else if (resource !== undefined) held.set(name, resource);
    for (const name of removed) held.delete(name);
  }
}
