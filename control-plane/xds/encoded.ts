import { encodeMessage } from '../../common/xds/codec.js';
import { contentHash } from '../../common/xds/content-hash.js';
import type { ResourceTypeUrl } from '../../common/xds/type-urls.js';
import type { ProxyResources } from './resources.js';

/** A resource ready to be sent; its version is a hash of its content. */
export interface EncodedResource {
  readonly name: string;
  readonly version: string;
  readonly bytes: Buffer;
  readonly message: object;
}

export type EncodedResources = ReadonlyMap<string, ReadonlyMap<string, EncodedResource>>;

/** Encodes each message object once, however many proxies get it. */
export class ResourceEncoder {
  private readonly known = new WeakMap<object, EncodedResource>();

  encode(resources: ProxyResources): EncodedResources {
    const types = new Map<string, Map<string, EncodedResource>>();
    for (const [typeUrl, messages] of resources) {
      const encoded = new Map<string, EncodedResource>();
      for (const [name, message] of messages) encoded.set(name, this.encodeOne(typeUrl, name, message));
      types.set(typeUrl, encoded);
    }
    return types;
  }

  private encodeOne(typeUrl: ResourceTypeUrl, name: string, message: object): EncodedResource {
    const known = this.known.get(message);
    if (known?.name === name) return known;
    const bytes = encodeMessage(typeUrl, message);
    const encoded = { name, version: contentHash(bytes), bytes, message };
    this.known.set(message, encoded);
    return encoded;
  }
}
