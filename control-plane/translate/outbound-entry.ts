import { isIP } from 'node:net';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { CidrRange } from '../../proto/gen/envoy/config/core/v3/CidrRange.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { FilterChain } from '../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { FilterChainMatch } from '../../proto/gen/envoy/config/listener/v3/FilterChainMatch.js';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import { accessLogs } from './access-log.js';
import { catchAllCluster, everywhere, familiesOf } from './capture.js';
import { connectionManager } from './connection-manager.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { SNIFF_MS } from './inbound-listeners.js';
import { adsSource, any, bool, duration, ipAddress, pipe, UNIX, uint32 } from './messages.js';
import { outsideFilters, sniFilters } from './outside.js';
import { statsFields } from './stats-config.js';
import { outboundTcpFilters } from './tcp-filters.js';
import { type TcpChain, tcpChains } from './tcp-routes.js';
import { tracingFields } from './tracing.js';

/** One `ADDRESS:PORT` to which applications connect. */
export interface ListenerEntry {
  /** IP address or `unix://` with a path. */
  readonly bind: string;
  readonly port: number;
  /** Name of the routes of requests, where HTTP may come. */
  routes: string | undefined;
  /** Whether browsers may call all of it in gRPC-Web. */
  grpcWeb?: boolean;
  /** By what they match. */
  readonly chains: Map<string, FilterChain>;
}

/** How connections to a service are told from others that come to the same listener. */
export interface Distinction {
  /** Many services share it. */
  readonly shared: boolean;
  /** Their destinations lie in this range. */
  readonly range?: string;
}

/** The chains of a port that is served as TCP. */
export function addChains(
  context: ProxyContext,
  { service, port }: VisiblePort,
  { shared, range }: Distinction,
  entry: ListenerEntry,
): void {
  for (const chain of tcpChains(context, { service, port }, entry.port)) {
    const destinations = chain.destinations.length === 0 && range !== undefined ? [range] : chain.destinations;
    // Where many services share a listener, TLS says by its server name which of them is meant.
    const byName = shared && port.protocol === 'tls' && chain.sniHosts.length === 0 && destinations.length === 0;
    const sniHosts = byName ? [service.host] : chain.sniHosts;
    const filters = [...sniFilters(context, { service, port }), ...chain.filters];
    addChain(entry, { ...chain, destinations, sniHosts, filters });
  }
}

/** Envoy refuses two chains with one match: the first has it. */
function addChain(entry: ListenerEntry, chain: TcpChain): void {
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

export function cidr(range: string): CidrRange {
  const [address = '', length] = range.split('/');
  return {
    address_prefix: address,
    prefix_len: uint32(length === undefined ? (isIP(address) === 6 ? 128 : 32) : Number(length)),
  };
}

/** Protocols that the HTTP inspector finds. */
const PLAIN_HTTP = ['http/1.0', 'http/1.1', 'h2c'] as const;

/**
 * A listener that is handed captured connections. What none of its chains matches goes to where it was going, or nowhere.
 */
export function capturedListener(context: ProxyContext, name: string, entry: ListenerEntry): Listener {
  const fallback = entry.chains.get(ANYTHING) ?? { name: PASSTHROUGH_CHAIN, filters: catchAllFilters(context) };
  return { ...listener(context, name, entry, fallback), bind_to_port: bool(false) };
}

/** A listener on a port of its own: what none of its chains matches is closed. */
export function openedListener(context: ProxyContext, name: string, entry: ListenerEntry): Listener {
  return listener(context, name, entry, entry.chains.get(ANYTHING));
}

/** The match of a chain that takes what no other takes. */
const ANYTHING = '{}';

function listener(
  context: ProxyContext,
  name: string,
  entry: ListenerEntry,
  fallback: FilterChain | undefined,
): Listener {
  const chains = [...entry.chains].flatMap(([match, chain]) => (match === ANYTHING ? [] : [chain]));
  const sniffs = entry.routes !== undefined && (fallback !== undefined || chains.length > 0);
  const http = entry.routes === undefined ? [] : [httpChain(context, name, { ...entry, routes: entry.routes }, sniffs)];
  const named = chains.some(byServerName);
  const only = chains.length === 0 && http.length === 0 && fallback !== undefined;
  return {
    name,
    ...placeOf(context, entry),
    traffic_direction: 'OUTBOUND',
    filter_chains: only ? [withName(fallback, name, 0)] : [...chains.map((c, i) => withName(c, name, i)), ...http],
    ...(!only && fallback !== undefined && { default_filter_chain: withName(fallback, name, chains.length) }),
    listener_filters: inspectors(named || sniffs, sniffs),
    listener_filters_timeout: duration(named || sniffs ? patience(context, entry) : 0),
    continue_on_listener_filters_timeout: true,
  };
}

function placeOf(context: ProxyContext, { bind, port }: ListenerEntry): ReturnType<typeof everywhere> {
  const families = familiesOf(context);
  if (bind.startsWith(UNIX)) return { address: pipe(bind) };
  return bind === families.wildcard ? everywhere(families, port) : { address: ipAddress(bind, port) };
}

/** Only where TCP is expected beside HTTP or TLS may a client be silent because its server is to speak; 0 is without end. */
function patience({ snapshot: { settings } }: ProxyContext, { chains }: ListenerEntry): number {
  const mayBeSilent = [...chains.values()].some((chain) => !byServerName(chain));
  return settings.protocolDetectionMs ?? (mayBeSilent ? SNIFF_MS : 0);
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

function httpChain(
  context: ProxyContext,
  name: string,
  { routes, grpcWeb = false }: { readonly routes: string; readonly grpcWeb?: boolean },
  sniffed: boolean,
): FilterChain {
  const { snapshot, client, node } = context;
  return {
    name: `${name}-http`,
    ...(sniffed && {
      filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: [...PLAIN_HTTP] },
    }),
    filters: [
      connectionManager({
        direction: 'outbound',
        statPrefix: `outbound_${name}`,
        routes: { rds: { config_source: adsSource, route_config_name: routes } },
        rbac: [],
        accessLogs: accessLogs(context, client, 'CLIENT'),
        tracing: tracingFields(context, 'CLIENT'),
        metrics: statsFields(context, 'CLIENT'),
        istioFilters: node.dataPlane === 'weft',
        grpcWeb,
        settings: snapshot.settings,
        last: outsideFilters(context),
      }),
    ],
  };
}

/** Connections whose destination the mesh does not know. */
export function catchAllFilters(context: ProxyContext): Filter[] {
  const cluster = catchAllCluster(context);
  return outboundTcpFilters(context, [{ cluster, weight: 1, policy: {}, undeclared: false }], cluster);
}
