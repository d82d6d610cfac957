import { encodeMessage } from '../../common/xds/codec.js';
import { contentHash } from '../../common/xds/content-hash.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import { Layered } from '../layered.js';
import type { ProxyResources } from './resources.js';
import { encodeRouteTable } from './route-table.js';
import { resourceField } from './wire.js';

/** A resource ready to be sent; its version is a hash of its content. */
export interface EncodedResource {
  readonly name: string;
  readonly version: string;
  readonly bytes: Buffer;
  /** As a field of a DeltaDiscoveryResponse, with name and version around it. */
  readonly field: Buffer;
  readonly message: object;
}

/** Of one type. Proxies that have the same share the same map. */
export type EncodedMap = ReadonlyMap<string, EncodedResource>;
export type EncodedResources = ReadonlyMap<string, EncodedMap>;

/** Encodes each message object once, and each map of them, however many proxies get it. */
export class ResourceEncoder {
  private readonly known = new WeakMap<object, EncodedResource>();
  private readonly maps = new WeakMap<ReadonlyMap<string, object>, EncodedMap>();

  encode(resources: ProxyResources): EncodedResources {
    const types = new Map<string, EncodedMap>();
    for (const [typeUrl, messages] of resources) types.set(typeUrl, this.encodeMap(typeUrl, messages));
    return types;
  }

  private encodeMap(typeUrl: ResourceTypeUrl, messages: ReadonlyMap<string, object>): EncodedMap {
    const known = this.maps.get(messages);
    if (known !== undefined) return known;
    const encoded =
      messages instanceof Layered ? this.encodeLayers(typeUrl, messages) : new Map<string, EncodedResource>();
    if (encoded instanceof Map) {
      for (const [name, message] of messages) encoded.set(name, this.encodeOne(typeUrl, name, message));
    }
    this.maps.set(messages, encoded);
    return encoded;
  }

  private encodeLayers(typeUrl: ResourceTypeUrl, { base, own, hidden }: Layered<object>): EncodedMap {
    return new Layered(this.encodeMap(typeUrl, base), this.encodeMap(typeUrl, own), hidden);
  }

  private encodeOne(typeUrl: ResourceTypeUrl, name: string, message: object): EncodedResource {
    const known = this.known.get(message);
    if (known?.name === name) return known;
    const written = typeUrl === TYPE.route ? encodeRouteTable(message) : encodeMessage(typeUrl, message);
    const version = contentHash(written);
    const encoded = { name, version, ...resourceField(typeUrl, name, version, written), message };
    this.known.set(message, encoded);
    return encoded;
  }
}
