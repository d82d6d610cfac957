import { isIP } from 'node:net';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { SocketAddress } from '../../proto/gen/envoy/config/core/v3/SocketAddress.js';
import type { FieldReport } from './fields.js';

/** Own addresses that connections are made from, by family; an absent one leaves the choice to the kernel. */
export interface SourceAddresses {
  readonly v4?: string;
  readonly v6?: string;
}

/** upstream_bind_config: the first address of each family counts. */
export function compileSource(message: Cluster, report: FieldReport): SourceAddresses | undefined {
  const bind = message.upstream_bind_config;
  if (bind === undefined || bind === null) return undefined;
  if (bind.local_address_selector !== undefined && bind.local_address_selector !== null) {
    report.error('upstream_bind_config.local_address_selector', 'extension not supported');
  }
  const addresses: (SocketAddress | null | undefined)[] = [
    bind.source_address,
    ...(bind.extra_source_addresses ?? []).map(({ address }) => address),
    ...(bind.additional_source_addresses ?? []),
  ];
  const found: { v4?: string; v6?: string } = {};
  for (const address of addresses) {
    if (address === undefined || address === null) continue;
    const ip = address.address ?? '';
    const family = isIP(ip);
    if (family === 0) report.error('upstream_bind_config', `'${ip}' is not an IP address`);
    if ((address.port_value ?? 0) !== 0) report.error('upstream_bind_config', 'a fixed port is not supported');
    if (family === 4) found.v4 ??= ip;
    if (family === 6) found.v6 ??= ip;
  }
  return found;
}

/** The address to connect from to `ip`. */
export function sourceFor(ip: string, source: SourceAddresses | undefined): string | undefined {
  if (source === undefined) return undefined;
  const address = isIP(ip) === 6 ? source.v6 : source.v4;
  return address === '0.0.0.0' || address === '::' ? undefined : address;
}
