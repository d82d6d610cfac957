import { EXTENSION } from '../../../common/xds/type-urls.js';
import type { Filter } from '../../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { FilterChain } from '../../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { FilterChainMatch } from '../../../proto/gen/envoy/config/listener/v3/FilterChainMatch.js';
import type { Listener } from '../../../proto/gen/envoy/config/listener/v3/Listener.js';
import { ownPorts } from '../../model/allotment.js';
import { accessLogs } from '../access-log.js';
import {
  httpCustomFilters,
  httpPolicyFilters,
  networkCustomFilters,
  networkPolicyFilters,
} from '../authorization-filters.js';
import { everywhere, familiesOf } from '../capture.js';
import { connectionManager } from '../connection-manager.js';
import type { ProxyContext } from '../context.js';
import { adsSource, any, ipAddress } from '../messages.js';
import { cidr } from '../outbound-entry.js';
import { tokenFilters } from '../request-authentication.js';
import { secretResources } from '../secrets.js';
import { statsFields } from '../stats-config.js';
import { tracingFields } from '../tracing.js';
import { serverAlpn } from '../upstream-tls.js';
import { credentialResources, namesCertificate, serverSocket } from './server-tls.js';
import { type GatewayListener, isPassthrough, type PlacedServer, type ServerKind } from './servers.js';
import { autoPassthroughChains, type RelayedChain, refusal, tcpRouteFilters, tlsRouteChains } from './tcp-chains.js';

/** The listener of a gateway's port; undefined where nothing is routed from it. */
export function gatewayListener(context: ProxyContext, listener: GatewayListener): Listener | undefined {
  const families = familiesOf(context);
  const { bind, port, kind } = listener;
  // On a machine that is not its own, a gateway listens where its workload is.
  const place = bind === '' ? ownPorts(context.workload?.sidecar)?.address : bind;
  const name = `${place ?? families.wildcard}_${port}`;
  const chains = filterChains(context, name, listener);
  if (chains.length === 0) return undefined;
  return {
    name,
    ...(place === undefined ? everywhere(families, port) : { address: ipAddress(place, port) }),
    traffic_direction: 'OUTBOUND',
    filter_chains: chains,
    ...listenerFilters(context, kind),
  };
}

function listenerFilters({ topology }: ProxyContext, kind: ServerKind): Pick<Listener, 'listener_filters'> {
  const filters = [
    ...(topology.proxyProtocol
      ? [{ name: 'envoy.filters.listener.proxy_protocol', typed_config: any(EXTENSION.proxyProtocol) }]
      : []),
    ...(kind === 'tls'
      ? [{ name: 'envoy.filters.listener.tls_inspector', typed_config: any(EXTENSION.tlsInspector) }]
      : []),
  ];
  return filters.length === 0 ? {} : { listener_filters: filters };
}

function filterChains(context: ProxyContext, name: string, { kind, port, servers }: GatewayListener): FilterChain[] {
  const [first] = servers;
  if (first === undefined) return [];
  switch (kind) {
    case 'http':
      return [{ name: `${name}-http`, filters: [httpFilters(context, name, port, servers, first)] }];
    case 'tcp': {
      const filters = tcpRouteFilters(context, first);
      return filters === undefined ? [] : [{ name: `${name}-tcp`, filters: [...policies(context, port), ...filters] }];
    }
    case 'tls':
      return differentOnly(
        servers.flatMap((server) =>
          tlsChains(context, name, port, server).map((chain, i) => ({ name: chainName(name, server, i), ...chain })),
        ),
      );
  }
}

/** The same whatever other servers there are, so that connections stay when one comes or goes. */
function chainName(listener: string, { gateway, server }: PlacedServer, index: number): string {
  return `${listener}-${gateway.key}-${server.port.name}-${index}`;
}

/** Envoy refuses two chains with one match: the first has it. */
function differentOnly(chains: readonly FilterChain[]): FilterChain[] {
  const byMatch = new Map<string, FilterChain>();
  for (const chain of chains) {
    const key = JSON.stringify(chain.filter_chain_match ?? {});
    if (!byMatch.has(key)) byMatch.set(key, chain);
  }
  return [...byMatch.values()];
}

function tlsChains(context: ProxyContext, name: string, port: number, placed: PlacedServer): FilterChain[] {
  const { tls } = placed;
  if (isPassthrough(tls)) {
    const auto = tls?.mode === 'AUTO_PASSTHROUGH';
    const chains = auto ? autoPassthroughChains(context, placed) : tlsRouteChains(context, placed);
    return chains.flatMap((chain) => relayed(context, port, chain));
  }
  if (tls === undefined) return [];
  const match = serverNames(placed.hosts.map(({ host }) => host));
  // Whoever asks for these hosts is not to be answered in the name of others.
  if (!hasCredentials(context, placed)) return [{ filter_chain_match: match, filters: [...refusal(context)] }];
  const http = placed.routes !== undefined;
  const filters = http ? [httpFilters(context, name, port, [placed], placed)] : tcpRouteFilters(context, placed);
  if (filters === undefined) return [];
  const socket = serverSocket(tls, http ? HTTP_ALPN : tcpAlpn(placed), context.snapshot.settings);
  return [
    {
      filter_chain_match: match,
      transport_socket: socket,
      filters: http ? [...filters] : [...policies(context, port), ...filters],
    },
  ];
}

const HTTP_ALPN = ['h2', 'http/1.1'] as const;

/** A mesh client offers its mark and nothing else with TCP. */
function tcpAlpn({ tls }: PlacedServer): readonly string[] {
  return tls?.mode === 'ISTIO_MUTUAL' ? serverAlpn('tcp', false) : [];
}

function hasCredentials({ snapshot, node }: ProxyContext, { tls }: PlacedServer): boolean {
  if (tls === undefined || !namesCertificate(tls)) return false;
  const names = credentialResources(tls);
  return secretResources(snapshot, node.namespace, names).size === new Set(names).size;
}

function relayed(context: ProxyContext, port: number, chain: RelayedChain): FilterChain[] {
  return [
    {
      filter_chain_match: {
        ...(chain.destinations.length > 0 && { prefix_ranges: chain.destinations.map(cidr) }),
        ...serverNames(chain.serverNames),
      },
      filters: [...policies(context, port), ...chain.filters],
    },
  ];
}

/** A host of `*` stands for all names, and for none at all. */
function serverNames(hosts: readonly string[]): FilterChainMatch {
  return hosts.includes('*') ? {} : { server_names: [...new Set(hosts)] };
}

function policies(context: ProxyContext, port: number): Filter[] {
  const { snapshot, workload } = context;
  if (workload === undefined) return [];
  return [...networkCustomFilters(context, workload, port), ...networkPolicyFilters(snapshot, workload, port)];
}

function httpFilters(
  context: ProxyContext,
  name: string,
  port: number,
  servers: readonly PlacedServer[],
  { routes = '' }: PlacedServer,
): Filter {
  const { snapshot, client, node, workload } = context;
  return connectionManager({
    direction: 'outbound',
    edge: context.topology,
    statPrefix: `outbound_${name}`,
    routes: { rds: { config_source: adsSource, route_config_name: routes } },
    custom: workload === undefined ? [] : httpCustomFilters(context, workload, port),
    rbac:
      workload === undefined
        ? []
        : [...tokenFilters(context, workload), ...httpPolicyFilters(snapshot, workload, port)],
    accessLogs: accessLogs(context, client, 'CLIENT'),
    tracing: tracingFields(context, 'CLIENT'),
    metrics: statsFields(context, 'CLIENT'),
    istioFilters: node.dataPlane === 'weft',
    grpcWeb: servers.some(({ server }) => server.port.protocol.toLowerCase() === 'grpc-web'),
    settings: snapshot.settings,
  });
}
