import type { _envoy_extensions_filters_network_http_connection_manager_v3_HttpConnectionManager_InternalAddressConfig__Output as InternalAddressConfig } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import { type Cidr, cidrOf, compileCidr, isLoopback, parseIp } from '../snapshot/cidr.js';
import type { Issues } from '../snapshot/issues.js';

/** RFC 1918 and RFC 4193. */
const PRIVATE = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['fd00::', 8],
] as const;

const privateRanges: readonly Cidr[] = PRIVATE.flatMap(([address, length]) => {
  const bytes = parseIp(address);
  return bytes === undefined ? [] : [cidrOf(bytes, length)];
});

/** Whose requests are internal: the ranges that are named, or private and loopback addresses; without a message nobody's. */
export function compileInternalAddresses(
  message: InternalAddressConfig | undefined,
  issues: Issues,
): ((ip: string) => boolean) | undefined {
  if (message === undefined) return undefined;
  const named = message.cidr_ranges ?? [];
  if (named.length === 0) return (ip) => isLoopback(ip) || privateRanges.some((range) => range.contains(ip));
  const at = issues.at('cidr_ranges');
  const ranges = named.flatMap((range, index) => compileCidr(range, at.at(index)) ?? []);
  return (ip) => ranges.some((range) => range.contains(ip));
}
