import type { InjectionConfig } from './config.js';
import type { SidecarSettings } from './settings.js';

const OUTBOUND_PORT = '15001';
const INBOUND_PORT = '15006';
/** The sidecar's own ports, which nothing leads back to it. */
const OWN_PORTS = ['15090', '15021'];

/** Flags of `weft init`, those of istio-iptables. */
export function captureArguments(
  { capture, interception, statusPort, proxyMetadata }: SidecarSettings,
  config: InjectionConfig,
): string[] {
  const optional = (flag: string, value: string): string[] => (value === '' ? [] : [flag, value]);
  return [
    ...['-p', OUTBOUND_PORT],
    ...['-z', INBOUND_PORT],
    ...['-u', String(config.proxyUid)],
    ...['-m', interception],
    ...['-i', capture.includeIPRanges],
    ...['-x', capture.excludeIPRanges],
    ...['-b', capture.includeInboundPorts],
    ...['-d', excludedInbound(capture.excludeInboundPorts, statusPort)],
    ...optional('-q', capture.includeOutboundPorts),
    ...optional('-o', capture.excludeOutboundPorts),
    ...optional('-k', capture.rerouteInterfaces),
    ...optional('-c', capture.excludeInterfaces),
    ...(proxyMetadata['ISTIO_META_DNS_CAPTURE'] === 'true' ? ['--redirect-dns'] : []),
  ];
}

function excludedInbound(excluded: string, statusPort: number): string {
  const written = excluded.split(',').map((port) => port.trim());
  const own = statusPort === 0 ? OWN_PORTS : [...OWN_PORTS, String(statusPort)];
  return [...new Set([...own, ...written.filter((port) => port !== '')])].join(',');
}
