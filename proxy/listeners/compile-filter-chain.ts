import { EXTENSION } from '../../common/xds/type-urls.js';
import type { CidrRange__Output } from '../../proto/gen/envoy/config/core/v3/CidrRange.js';
import type { FilterChain__Output } from '../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { FilterChainMatch__Output } from '../../proto/gen/envoy/config/listener/v3/FilterChainMatch.js';
import type { HttpConnectionManager__Output } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { TcpProxy__Output } from '../../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/TcpProxy.js';
import type { DownstreamTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/DownstreamTlsContext.js';
import type { StreamInfo } from '../http/stream-info.js';
import { compileCidr } from '../snapshot/cidr.js';
import type { Issues } from '../snapshot/issues.js';
import { durationMs, typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import { secretKeysOf } from '../tls/compile.js';
import type { DownstreamTls } from '../tls/context.js';
import { compileConnectionManager } from './compile-connection-manager.js';
import type { ListenerDeps, References } from './compile-deps.js';
import { compileTcpProxy } from './compile-tcp-proxy.js';
import type { FilterChainConfig, FilterChainMatchConfig, ListenerConfig, NetworkFilter } from './config.js';

/** What the chains of one listener share. */
export interface ChainPlace {
  readonly direction: ListenerConfig['direction'];
  readonly deps: ListenerDeps;
  readonly references: References;
}

/** Compiles a FilterChain; undefined after an error. */
export function compileFilterChain(
  message: FilterChain__Output,
  fallbackName: string,
  place: ChainPlace,
  issues: Issues,
): FilterChainConfig | undefined {
  if (message.use_proxy_proto?.value === true) issues.at('use_proxy_proto').error('is not supported');
  const match = compileMatch(message.filter_chain_match ?? {}, issues.at('filter_chain_match'));
  const tls = compileTransport(message, place, issues.at('transport_socket'));
  const filters = compileFilters(message, place, issues.at('filters'));
  if (filters === undefined) return undefined;
  return {
    name: message.name === undefined || message.name === '' ? fallbackName : message.name,
    match,
    tls,
    ...filters,
    transportConnectTimeoutMs: durationMs(message.transport_socket_connect_timeout) ?? 0,
  };
}

const SOURCE_TYPE = { ANY: 'any', SAME_IP_OR_LOOPBACK: 'same-ip-or-loopback', EXTERNAL: 'external' } as const;

export function compileMatch(message: FilterChainMatch__Output, issues: Issues): FilterChainMatchConfig {
  issues.refuse(message, ['address_suffix', 'suffix_len', 'direct_source_prefix_ranges']);
  const serverNames = (message.server_names ?? []).map((name) => name.toLowerCase());
  for (const name of serverNames) {
    if (name.slice(1).includes('*') || (name.startsWith('*') && !name.startsWith('*.'))) {
      issues.at('server_names').error(`'${name}': a wildcard stands only for whole leading labels`);
    }
  }
  return {
    destinationPort: message.destination_port?.value,
    prefixRanges: compileRanges(message.prefix_ranges, issues.at('prefix_ranges')),
    serverNames,
    transportProtocol: message.transport_protocol ?? '',
    applicationProtocols: message.application_protocols ?? [],
    sourceType: SOURCE_TYPE[message.source_type ?? 'ANY'],
    sourcePrefixRanges: compileRanges(message.source_prefix_ranges, issues.at('source_prefix_ranges')),
    sourcePorts: message.source_ports ?? [],
  };
}

function compileRanges(ranges: readonly CidrRange__Output[] | undefined, issues: Issues): string[] {
  return (ranges ?? []).flatMap((range, index) => {
    const cidr = compileCidr(range, issues.at(index));
    return cidr === undefined ? [] : [`${range.address_prefix ?? ''}/${cidr.prefixLength}`];
  });
}

function compileTransport(message: FilterChain__Output, place: ChainPlace, issues: Issues): DownstreamTls | undefined {
  const config = message.transport_socket?.typed_config;
  if (message.transport_socket === undefined) return undefined;
  const typeUrl = typeUrlOf(config);
  if (typeUrl === EXTENSION.rawBuffer) return undefined;
  if (typeUrl !== EXTENSION.downstreamTls || config === undefined) {
    issues.error(`'${typeUrl === '' ? message.transport_socket.name : typeUrl}' is not supported`);
    return undefined;
  }
  const tls = place.deps.compileDownstreamTls(
    unpacked<DownstreamTlsContext__Output>(config),
    issues.at('typed_config'),
  );
  if (tls !== undefined) for (const name of secretKeysOf(tls)) place.references.secretNames.add(name);
  return tls;
}

type ChainFilters = Pick<FilterChainConfig, 'networkFilters' | 'terminal'>;

/** Network filters in their order; the last one, and only that, must be the HTTP connection manager or the TCP proxy. */
function compileFilters(message: FilterChain__Output, place: ChainPlace, issues: Issues): ChainFilters | undefined {
  const filters = message.filters ?? [];
  const networkFilters: NetworkFilter[] = [];
  const onOpen: ((info: StreamInfo) => void)[] = [];
  const onClose: ((info: StreamInfo) => void)[] = [];
  let alpn: readonly string[] | undefined;
  let clusterBySni = false;
  let lookUpSni: number | undefined;
  let terminal: FilterChainConfig['terminal'] | undefined;
  filters.forEach((filter, index) => {
    const at = issues.at(index);
    const config = filter.typed_config;
    const typeUrl = typeUrlOf(config);
    const isTerminal = typeUrl === EXTENSION.httpConnectionManager || typeUrl === EXTENSION.tcpProxy;
    if (isTerminal !== (index === filters.length - 1)) {
      at.error(isTerminal ? 'a terminal filter must be the last one' : 'the last filter must be a terminal one');
    }
    if (config === undefined) at.error(`filter '${filter.name ?? ''}' has no typed_config`);
    else if (typeUrl === EXTENSION.httpConnectionManager) {
      const http = unpacked<HttpConnectionManager__Output>(config);
      const compiled = compileConnectionManager(http, place.direction, place.deps, place.references, at);
      if (compiled !== undefined) terminal = { kind: 'http', config: compiled };
    } else if (typeUrl === EXTENSION.tcpProxy) {
      terminal = {
        kind: 'tcp',
        config: {
          ...compileTcpProxy(
            unpacked<TcpProxy__Output>(config),
            { onOpen, onClose, clusterBySni, lookUpSni },
            place.deps,
            at,
          ),
          ...(alpn !== undefined && { alpn }),
        },
      };
    } else {
      const compile = place.deps.networkFilters.get(typeUrl);
      if (compile === undefined)
        at.error(`network filter '${filter.name ?? ''}' of type '${typeUrl}' is not supported`);
      const compiled = compile?.(config, { name: filter.name ?? '', direction: place.direction }, at);
      clusterBySni ||= compiled?.clusterBySni === true;
      lookUpSni = compiled?.lookUpSni ?? lookUpSni;
      if (compiled?.gate !== undefined) networkFilters.push(compiled.gate);
      alpn = compiled?.alpn ?? alpn;
      if (compiled?.onOpen !== undefined) onOpen.push(compiled.onOpen);
      if (compiled?.onClose !== undefined) onClose.push(compiled.onClose);
    }
  });
  if (filters.length === 0) issues.error('is empty');
  return terminal === undefined ? undefined : { networkFilters, terminal };
}
