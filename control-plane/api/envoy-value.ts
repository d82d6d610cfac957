import { fromJson, type JsonError } from '../../common/xds/json.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { ApplyTo } from './kinds/envoy-filter.js';
import { childPath } from './schema/path.js';
import { isMapping } from './schema/schema.js';

const PREFIX = 'type.googleapis.com/';

/** The message that a patch's value is, by what it applies to; what is not here cannot be patched in this release. */
export const PATCHED_TYPE: Readonly<Partial<Record<ApplyTo, string>>> = {
  LISTENER: TYPE.listener,
  FILTER_CHAIN: `${PREFIX}envoy.config.listener.v3.FilterChain`,
  NETWORK_FILTER: `${PREFIX}envoy.config.listener.v3.Filter`,
  LISTENER_FILTER: `${PREFIX}envoy.config.listener.v3.ListenerFilter`,
  HTTP_FILTER: `${PREFIX}envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter`,
  ROUTE_CONFIGURATION: TYPE.route,
  VIRTUAL_HOST: `${PREFIX}envoy.config.route.v3.VirtualHost`,
  HTTP_ROUTE: `${PREFIX}envoy.config.route.v3.Route`,
  CLUSTER: TYPE.cluster,
};

/** Reads the JSON of an Envoy message; paths of errors are those of the JSON. A TypedStruct stands for what it holds. */
export function decodeEnvoyValue(typeUrl: string, json: unknown): { message: object; errors: readonly JsonError[] } {
  const unwrapped: string[] = [];
  const { message, errors } = fromJson(typeUrl, unwrap(json, '', unwrapped));
  return { message, errors: errors.map((error) => ({ ...error, path: asWritten(error.path, unwrapped) })) };
}

const TYPED_STRUCT = /\/(?:udpa\.type\.v1|xds\.type\.v3)\.TypedStruct$/;

function unwrap(json: unknown, path: string, found: string[]): unknown {
  if (Array.isArray(json)) return json.map((item, i) => unwrap(item, childPath(path, i), found));
  if (!isMapping(json)) return json;
  const typeUrl = json['@type'];
  if (typeof typeUrl === 'string' && TYPED_STRUCT.test(typeUrl)) {
    found.push(path);
    const value = json['value'];
    const inner = isMapping(value) ? (unwrap(value, path, found) as object) : {};
    return { '@type': json['type_url'] ?? json['typeUrl'], ...inner };
  }
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key, unwrap(value, childPath(path, key), found)]),
  );
}

/** Paths below an unwrapped value get its `value` back. */
function asWritten(path: string, unwrapped: readonly string[]): string {
  let written = path;
  // The innermost first, since an outer one makes the path longer.
  for (const at of [...unwrapped].sort((a, b) => b.length - a.length)) {
    const rest = written.slice(at.length);
    if (written.startsWith(at) && /^[.[]/.test(rest)) written = `${at}.value${rest}`;
  }
  return written;
}
