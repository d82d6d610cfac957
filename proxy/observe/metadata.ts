import { fromStruct, type Json, type StructMessage } from '../../common/xds/struct.js';
import type { ProxyConfig } from '../config.js';

/** What the bootstrap says of the proxy, as JSON. */
export function nodeMetadata({ node }: Pick<ProxyConfig, 'node'>): Readonly<Record<string, Json>> {
  return node.metadata === undefined ? {} : fromStruct(node.metadata as StructMessage);
}
