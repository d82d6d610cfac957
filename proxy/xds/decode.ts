import type protobuf from 'protobufjs';
import { messageOf } from '../../common/runtime/errors.js';
import { decodeMessage, messageType } from '../../common/xds/codec.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import { decodeWithout, rememberBytes } from './kept-message.js';
import type { ResourceError } from './resources.js';

const SERVICE = 'type.googleapis.com/envoy.service.discovery.v3.';

/** A response of either protocol variant, with each resource decoded by itself, some not before they are taken. */
export interface DecodedResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  /** `version_info`, or `system_version_info` by delta. */
  readonly version: string;
  readonly resources: readonly ReceivedResource[];
  readonly removed: readonly string[];
  /** Resources that could not be decoded, or that bear no name or a foreign type. */
  readonly errors: readonly ResourceError[];
}

export interface ReceivedResource {
  readonly name: string;
  /** Its own version by delta; the response's in the state of the world. */
  readonly version: string;
  /** Bytes that cannot be decoded throw; only of a type that is {@link MANY}. */
  readonly message: () => object;
}

/** Thousands of these come at once: decoded one by one as they are applied, their messages do not live together. */
const MANY: ReadonlySet<string> = new Set([TYPE.cluster, TYPE.endpoint]);

/** Virtual hosts of a larger table are decoded one by one as they are compiled. */
const LARGE_BYTES = 65_536;

/** Where a resource carries its name. */
const NAME_FIELD: Readonly<Record<ResourceTypeUrl, string>> = {
  [TYPE.listener]: 'name',
  [TYPE.route]: 'name',
  [TYPE.cluster]: 'name',
  [TYPE.endpoint]: 'cluster_name',
  [TYPE.secret]: 'name',
  [TYPE.nameTable]: '',
  [TYPE.trustBundle]: 'name',
};

/** Reads a DiscoveryResponse. Bytes that are none throw; a resource that is bad is named among the errors. */
export function decodeSotw(bytes: Buffer): DecodedResponse {
  const raw = decodeOuter('DiscoveryResponse', bytes);
  const typeUrl = text(raw['type_url']);
  const version = text(raw['version_info']);
  const items = list(raw['resources']).map((any) => ({ name: '', version, any }));
  return { typeUrl, nonce: text(raw['nonce']), version, removed: [], ...decodeAll(typeUrl, items) };
}

/** Reads a DeltaDiscoveryResponse, as {@link decodeSotw}. */
export function decodeDelta(bytes: Buffer): DecodedResponse {
  const raw = decodeOuter('DeltaDiscoveryResponse', bytes);
  const typeUrl = text(raw['type_url']);
  const items = list(raw['resources']).map((item) => ({
    name: text(item['name']),
    version: text(item['version']),
    any: record(item['resource']),
  }));
  const removed = Array.isArray(raw['removed_resources']) ? raw['removed_resources'].map(text) : [];
  const version = text(raw['system_version_info']);
  return { typeUrl, nonce: text(raw['nonce']), version, removed, ...decodeAll(typeUrl, items) };
}

interface Item {
  readonly name: string;
  readonly version: string;
  readonly any: Fields;
}

type Fields = { readonly [key: string]: unknown };

/** The outer message only: each Any inside stays as bytes, so that one bad resource does not spoil the others. */
function decodeOuter(name: string, bytes: Buffer): Fields {
  const type: protobuf.Type | undefined = messageType(SERVICE + name);
  if (type === undefined) throw new TypeError(`no message type ${name}`);
  return type.decode(bytes) as unknown as Fields;
}

function decodeAll(
  typeUrl: string,
  items: readonly Item[],
): { readonly resources: ReceivedResource[]; readonly errors: ResourceError[] } {
  const resources: ReceivedResource[] = [];
  const errors: ResourceError[] = [];
  items.forEach((item, index) => {
    const label = item.name === '' ? `#${index}` : item.name;
    const url = text(item.any['type_url']);
    if (url !== typeUrl) {
      errors.push({ resource: label, message: `has type ${url === '' ? 'none' : url} in a response of ${typeUrl}` });
      return;
    }
    const bytes = item.any['value'] as Uint8Array;
    if (item.name !== '' && MANY.has(typeUrl)) {
      resources.push({ name: item.name, version: item.version, message: () => decodeOne(typeUrl, bytes) });
      return;
    }
    try {
      const message = decodeOne(typeUrl, bytes);
      const field = NAME_FIELD[typeUrl as ResourceTypeUrl] ?? 'name';
      // There is one name table, and Istio gives it no name.
      const own = typeUrl === TYPE.nameTable ? 'name-table' : text(message[field]);
      const name = item.name === '' ? own : item.name;
      if (name === '') errors.push({ resource: label, message: 'has no name' });
      else resources.push({ name, version: item.version, message: () => message });
    } catch (error) {
      errors.push(undecodable(label, error));
    }
  });
  return { resources, errors };
}

function decodeOne(typeUrl: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (typeUrl === TYPE.route && bytes?.length > LARGE_BYTES) return decodeWithout(typeUrl, 'virtual_hosts', bytes);
  const message = decodeMessage<Record<string, unknown>>(typeUrl, bytes);
  if (bytes !== undefined) rememberBytes(message, bytes);
  return message;
}

/** The error of a resource whose bytes are no such message. */
export function undecodable(resource: string, error: unknown): ResourceError {
  return { resource, message: `cannot be decoded: ${messageOf(error)}` };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(record) : [];
}
