import { isIP } from 'node:net';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { CidrRange } from '../../proto/gen/envoy/config/core/v3/CidrRange.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { FilterChain } from '../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { FilterChainMatch } from '../../proto/gen/envoy/config/listener/v3/FilterChainMatch.js';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import { applicationPort, isHttp } from '../model/service.js';
import { accessLogs } from './access-log.js';
import { catchAllCluster, type Family, familyOf } from './capture.js';
import { detectedRoutesName } from './captured-routes.js';
import { connectionManager } from './connection-manager.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { SNIFF_MS } from './inbound-listeners.js';
import { adsSource, any, bool, duration, ipAddress, uint32 } from './messages.js';
import { outboundTcpFilters } from './tcp-filters.js';
import { type TcpChain, tcpChains } from './tcp-routes.js';

/** One `ADDRESS:PORT` to which applications connect. */
interface Entry {
  readonly bind: string;
  readonly port: number;
  /** Name of the routes of requests, where HTTP may come. */
  routes: string | undefined;
  readonly chains: Map<string, FilterChain>;
}

/**
 * The listeners to which `virtualOutbound` hands connections: one for all HTTP services of a port, found by their routes,
 * and one for each address of a service whose connections can only be told by where they go.
 */
export function capturedListeners(context: ProxyContext): Map<string, Listener> {
  const family = familyOf(context.workload);
  const entries = new Map<string, Entry>();
  const entryAt = (bind: string, port: number): Entry => {
    const name = `${bind}_${port}`;
    const entry = entries.get(name) ?? { bind, port, routes: undefined, chains: new Map() };
    entries.set(name, entry);
    return entry;
  };
  for (const visible of context.ports) {
    const { port } = visible;
    if (isHttp(port.protocol)) entryAt(family.wildcard, port.number).routes = String(port.number);
    else for (const place of placesOf(visible, family)) addTcp(context, visible, place, entryAt);
  }
  return new Map([...entries].map(([name, entry]) => [name, listener(context, name, entry)]));
}

/** Where connections to a service are caught; `range` where it has no address of its own to listen on. */
interface Place {
  readonly bind: string;
  readonly port: number;
  readonly range?: string;
}

function placesOf({ service, port }: VisiblePort, family: Family): Place[] {
  if (service.headless) {
    return service.endpoints.flatMap((endpoint) => {
      const { address } = endpoint.workload;
      const application = applicationPort(port, endpoint);
      if (application === undefined || isIP(address) === 0 || endpoint.health === 'unhealthy') return [];
      return [{ bind: address, port: application }];
    });
  }
  const addresses = service.addresses.filter((address) => family.includes(address));
  if (addresses.length > 0) {
    return addresses.map((address) =>
      address.includes('/')
        ? { bind: family.wildcard, port: port.number, range: address }
        : { bind: address, port: port.number },
    );
  }
  // A listener for every destination of a port, where the service is one name for another, would take them all.
  const alias = service.object.startsWith('Service ');
  return alias ? [] : [{ bind: family.wildcard, port: port.number }];
}

function addTcp(
  context: ProxyContext,
  visible: VisiblePort,
  place: Place,
  entryAt: (bind: string, port: number) => Entry,
): void {
  const { service, port } = visible;
  const entry = entryAt(place.bind, place.port);
  const shared = isWildcard(place.bind);
  if (port.protocol === 'auto') {
    entry.routes ??= shared ? String(port.number) : detectedRoutesName(visible);
  }
  for (const chain of tcpChains(context, visible, port.number)) {
    const destinations = chain.destinations.length === 0 && place.range ? [place.range] : chain.destinations;
    // Where many services share a listener, TLS says by its server name which of them is meant.
    const byName = shared && port.protocol === 'tls' && chain.sniHosts.length === 0 && destinations.length === 0;
    const sniHosts = byName ? [service.host] : chain.sniHosts;
    addChain(entry, { ...chain, destinations, sniHosts });
  }
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Envoy refuses two chains with one match: the first has it. */
function addChain(entry: Entry, chain: TcpChain): void {
  const match = chainMatch(chain);
  const key = JSON.stringify(match);
  if (entry.chains.has(key)) return;
  entry.chains.set(key, { filter_chain_match: match, filters: [...chain.filters] });
}

function chainMatch({ sniHosts, destinations, sources }: TcpChain): FilterChainMatch {
  return {
    ...(destinations.length > 0 && { prefix_ranges: destinations.map(cidr) }),
    ...(sniHosts.length > 0 && { server_names: [...sniHosts] }),
    ...(sources.length > 0 && { source_prefix_ranges: sources.map(cidr) }),
  };
}

function cidr(range: string): CidrRange {
  const [address = '', length] = range.split('/');
  return {
    address_prefix: address,
    prefix_len: uint32(length === undefined ? (isIP(address) === 6 ? 128 : 32) : Number(length)),
  };
}

/** Protocols that the HTTP inspector finds. */
export const PLAIN_HTTP = ['http/1.0', 'http/1.1', 'h2c'] as const;

function listener(context: ProxyContext, name: string, entry: Entry): Listener {
  const { settings } = context.snapshot;
  const everything = entry.chains.get('{}');
  const chains = [...entry.chains.values()].filter((chain) => chain !== everything);
  const http = entry.routes === undefined ? [] : [httpChain(context, name, entry.routes)];
  const named = chains.some(byServerName);
  const fallback = everything ?? { name: PASSTHROUGH_CHAIN, filters: catchAllFilters(context) };
  const only = chains.length === 0 && http.length === 0;
  // Only where TCP is expected beside HTTP may a client be silent because its server is to speak.
  const mayBeSilent = everything !== undefined || chains.some((chain) => !byServerName(chain));
  const detection = mayBeSilent ? SNIFF_MS : 0;
  return {
    name,
    address: ipAddress(entry.bind, entry.port),
    bind_to_port: bool(false),
    traffic_direction: 'OUTBOUND',
    filter_chains: only ? [withName(fallback, name, 0)] : [...chains.map((c, i) => withName(c, name, i)), ...http],
    ...(!only && {
      default_filter_chain: fallback === everything ? withName(fallback, name, chains.length) : fallback,
    }),
    listener_filters: inspectors(named || http.length > 0, http.length > 0),
    listener_filters_timeout: duration(named || http.length > 0 ? (settings.protocolDetectionMs ?? detection) : 0),
    continue_on_listener_filters_timeout: true,
  };
}

function byServerName({ filter_chain_match: match }: FilterChain): boolean {
  return (match?.server_names ?? []).length > 0;
}

const PASSTHROUGH_CHAIN = 'PassthroughFilterChain';

function withName(chain: FilterChain, listenerName: string, index: number): FilterChain {
  return { name: `${listenerName}-${index}`, ...chain };
}

function inspectors(tls: boolean, http: boolean): NonNullable<Listener['listener_filters']> {
  return [
    ...(tls ? [{ name: 'envoy.filters.listener.tls_inspector', typed_config: any(EXTENSION.tlsInspector) }] : []),
    ...(http ? [{ name: 'envoy.filters.listener.http_inspector', typed_config: any(EXTENSION.httpInspector) }] : []),
  ];
}

function httpChain(context: ProxyContext, name: string, routes: string): FilterChain {
  const { snapshot, client, node } = context;
  return {
    name: `${name}-http`,
    filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: [...PLAIN_HTTP] },
    filters: [
      connectionManager({
        direction: 'outbound',
        statPrefix: `outbound_${name}`,
        routes: { rds: { config_source: adsSource, route_config_name: routes } },
        rbac: [],
        accessLogs: accessLogs(snapshot, client, 'CLIENT'),
        istioFilters: node.dataPlane === 'weft',
        settings: snapshot.settings,
      }),
    ],
  };
}

/** Connections whose destination the mesh does not know. */
export function catchAllFilters(context: ProxyContext): Filter[] {
  const cluster = catchAllCluster(context.snapshot.settings);
  return outboundTcpFilters(context, [{ cluster, weight: 1, policy: {} }], { statPrefix: cluster });
}
