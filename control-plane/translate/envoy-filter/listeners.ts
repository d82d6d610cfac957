import { EXTENSION } from '../../../common/xds/type-urls.js';
import type { Filter } from '../../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { FilterChain } from '../../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { Listener } from '../../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { HttpConnectionManager } from '../../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { HttpFilter } from '../../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpFilter.js';
import type { Any } from '../../../proto/gen/google/protobuf/Any.js';
import type { PatchContext } from '../../api/kinds/envoy-filter.js';
import type { EnvoyPatch } from '../../model/envoy-filters.js';
import { isMerge, mergedWith, patchList } from './operations.js';
import { contextOf, meets, type Patching, patchesFor } from './place.js';
import { patchRoutes } from './routes.js';

type Manager = Any & HttpConnectionManager;

/** Where one is among the parts of a listener. */
interface Place {
  readonly patching: Patching;
  readonly context: PatchContext;
  readonly listener: Listener;
  /** The port that the listener stands for; undefined where every filter chain has its own. */
  readonly port: number | undefined;
}

/** A listener after its patches; undefined when one of them removes it. */
export function patchListener(patching: Patching, original: Listener): Listener | undefined {
  const context = contextOf(patching, original.traffic_direction === 'INBOUND');
  const place = placeOf(patching, context, original);
  let listener = original;
  for (const patch of patchesFor(patching, 'LISTENER', context)) {
    if (!listenerMatches(place, patch)) continue;
    if (patch.operation === 'REMOVE') return undefined;
    if (isMerge(patch)) listener = mergedWith(listener, patch);
  }
  return withChains({ ...place, listener }, withListenerFilters({ ...place, listener }));
}

function placeOf(patching: Patching, context: PatchContext, listener: Listener): Place {
  const name = listener.name ?? '';
  const port =
    name === 'virtualInbound'
      ? undefined
      : (patching.applicationPort(name) ?? listener.address?.socket_address?.port_value);
  return { patching, context, listener, port };
}

function withListenerFilters({ patching, context, ...place }: Place): Listener {
  let { listener } = place;
  for (const patch of patchesFor(patching, 'LISTENER_FILTER', context)) {
    if (!listenerMatches({ patching, context, ...place }, patch)) continue;
    const wanted = patch.match.listener?.listenerFilter ?? '';
    const filters = patchList(listener.listener_filters ?? [], patch, {
      names: wanted !== '',
      matches: ({ name }) => wanted === '' || name === wanted,
    });
    listener = { ...listener, listener_filters: filters };
  }
  return listener;
}

function withChains(place: Place, listener: Listener): Listener {
  const { patching, context } = place;
  let chains = listener.filter_chains ?? [];
  for (const patch of patchesFor(patching, 'FILTER_CHAIN', context)) {
    if (!listenerMatches(place, patch)) continue;
    chains = patchList(chains, patch, {
      names: patch.match.listener?.filterChain !== undefined,
      matches: (chain) => chainMatches(place, chain, patch),
    });
  }
  const fallback = listener.default_filter_chain;
  return {
    ...listener,
    ...(listener.filter_chains !== undefined && { filter_chains: chains.map((chain) => withFilters(place, chain)) }),
    ...(fallback !== undefined && fallback !== null && { default_filter_chain: withFilters(place, fallback) }),
  };
}

function withFilters(place: Place, chain: FilterChain): FilterChain {
  const { patching, context } = place;
  let filters = chain.filters ?? [];
  for (const patch of patchesFor(patching, 'NETWORK_FILTER', context)) {
    if (!listenerMatches(place, patch) || !chainMatches(place, chain, patch)) continue;
    const wanted = patch.match.listener?.filterChain?.filter?.name ?? '';
    filters = patchList(filters, patch, { names: wanted !== '', matches: (filter) => isNamed(filter, wanted) });
  }
  return { ...chain, filters: filters.map((filter) => withHttpFilters(place, chain, filter)) };
}

function withHttpFilters(place: Place, chain: FilterChain, filter: Filter): Filter {
  const config = filter.typed_config;
  if (!isManager(config)) return filter;
  const { patching, context } = place;
  let manager = config;
  for (const patch of patchesFor(patching, 'HTTP_FILTER', context)) {
    if (!listenerMatches(place, patch) || !chainMatches(place, chain, patch)) continue;
    const { name = '', subFilter } = patch.match.listener?.filterChain?.filter ?? {};
    if (!isNamed(filter, name)) continue;
    const wanted = subFilter?.name ?? '';
    const filters: HttpFilter[] = patchList(manager.http_filters ?? [], patch, {
      names: wanted !== '',
      matches: (item) => isNamed(item, wanted),
    });
    manager = { ...manager, http_filters: filters };
  }
  const { route_config: routes } = manager;
  if (routes !== undefined && routes !== null) {
    manager = { ...manager, route_config: patchRoutes(patching, context, routes, portOf(place, chain)) };
  }
  return { ...filter, typed_config: manager };
}

function isManager(config: Any | null | undefined): config is Manager {
  return (config as { readonly '@type'?: string } | null | undefined)?.['@type'] === EXTENSION.httpConnectionManager;
}

/** Names of filters in Envoy's first API, which Istio still takes. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  'envoy.http_connection_manager': 'envoy.filters.network.http_connection_manager',
  'envoy.tcp_proxy': 'envoy.filters.network.tcp_proxy',
  'envoy.router': 'envoy.filters.http.router',
  'envoy.fault': 'envoy.filters.http.fault',
  'envoy.cors': 'envoy.filters.http.cors',
};

function isNamed({ name = '' }: Filter | HttpFilter, wanted: string): boolean {
  return wanted === '' || name === wanted || name === OLD_NAMES[wanted];
}

/** A port is looked for in the filter chains where these have ports of their own. */
function listenerMatches({ listener, port, context }: Place, { match, applyTo }: EnvoyPatch): boolean {
  const { listener: wanted } = match;
  if (wanted === undefined) return true;
  // Where a sidecar has a listener for each port, they are together what `virtualInbound` is elsewhere.
  const alias = context === 'SIDECAR_INBOUND' && wanted.name === 'virtualInbound';
  if (!alias && !meets(wanted.name, listener.name ?? '')) return false;
  if (port === undefined && applyTo !== 'LISTENER' && applyTo !== 'LISTENER_FILTER') return true;
  return meets(wanted.portNumber, port ?? listener.address?.socket_address?.port_value);
}

function portOf({ port }: Place, chain: FilterChain): number | undefined {
  return port ?? chain.filter_chain_match?.destination_port?.value;
}

function chainMatches(place: Place, chain: FilterChain, { match }: EnvoyPatch): boolean {
  if (match.listener === undefined) return true;
  const { portNumber, filterChain } = match.listener;
  const port = portOf(place, chain);
  if (place.port === undefined && !meets(portNumber, port)) return false;
  if (filterChain === undefined) return true;
  const conditions = chain.filter_chain_match ?? {};
  return (
    meets(filterChain.name, chain.name ?? '') &&
    (!filterChain.sni || (conditions.server_names ?? []).includes(filterChain.sni)) &&
    meets(filterChain.transportProtocol, conditions.transport_protocol ?? '') &&
    speaks(conditions.application_protocols ?? [], filterChain.applicationProtocols ?? '') &&
    meets(filterChain.destinationPort, port) &&
    meets(filterChain.transportSocket, chain.transport_socket?.name ?? '') &&
    (!filterChain.filter?.name ||
      (chain.filters ?? []).some((filter) => isNamed(filter, filterChain.filter?.name ?? '')))
  );
}

/** All that are wished for, separated by commas. */
function speaks(protocols: readonly string[], wanted: string): boolean {
  return wanted === '' || wanted.split(',').every((protocol) => protocols.includes(protocol.trim()));
}
