import { EXTENSION, TYPE } from '../../../common/xds/type-urls.js';
import type { FilterChain__Output } from '../../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { Listener__Output } from '../../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { HttpConnectionManager__Output } from '../../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { TcpProxy__Output } from '../../../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/TcpProxy.js';
import { AddressIndex } from '../../listeners/address-index.js';
import { compileMatch } from '../../listeners/compile-filter-chain.js';
import { FilterChainMatcher, type MatchedChain } from '../../listeners/filter-chain-match.js';
import { Issues } from '../../snapshot/issues.js';
import { typeUrlOf, unpacked } from '../../snapshot/wire-values.js';
import type { AdminSources } from '../sources.js';

/** A connection that nobody opens. */
export interface Question {
  readonly scheme: 'http' | 'https' | 'tcp';
  /** Of the destination; several are tried in turn. */
  readonly ips: readonly string[];
  readonly port: number;
  readonly serverName: string;
  /** Somebody else opens it, to this proxy: it is a gateway. */
  readonly toGateway: boolean;
}

/** Where a connection is taken, and by which filter chain. */
export interface Way {
  readonly listener: string;
  /** Where the kernel leads it before, and what it asks for. */
  readonly captured?: { readonly listener: string; readonly destination: string };
  /** Absent where the listener has none for it, and closes it. */
  readonly chain?: FilterChain__Output;
  readonly chainName: string;
  /** Taken as a request of a forward proxy. */
  readonly proxied: boolean;
}

/** The routes of a machine without capture, where the application asks its sidecar as its HTTP proxy. */
const PROXY_TABLE = 'http_proxy';
const FROM = { sourceIp: '127.0.0.1', sourcePort: 40_000 };

/** The ways that such a connection may take, likeliest first; none where nobody takes it. */
export function waysOf(sources: AdminSources, question: Question): Way[] {
  const listeners = outgoing(sources);
  if (question.toGateway) {
    const found = listeners.filter((one) => addressesOf(one).some(({ port }) => port === question.port));
    return found.map((one) => chosen(one, question, '0.0.0.0'));
  }
  const proxy = listeners.find(({ filter_chains: chains = [] }) => chains.some((one) => tableOf(one) === PROXY_TABLE));
  if (proxy !== undefined) {
    const chain = proxy.filter_chains?.find((one) => tableOf(one) === PROXY_TABLE);
    return [
      { listener: proxy.name ?? '', chainName: chain?.name || 'chain-0', proxied: true, ...(chain && { chain }) },
    ];
  }
  return capturedWays(listeners, question);
}

function capturedWays(listeners: readonly Listener__Output[], question: Question): Way[] {
  const capture = listeners.find(({ use_original_dst: handsOff }) => handsOff?.value === true);
  const index = new AddressIndex(
    listeners.filter((one) => one !== capture).map((one) => [addressesOf(one), one] as const),
  );
  const ips = question.ips.length === 0 ? ['0.0.0.0'] : question.ips;
  return ips.flatMap((ip): Way[] => {
    const found = index.find({ ip, port: question.port }) ?? capture;
    if (found === undefined) return [];
    const way = chosen(found, question, ip);
    if (capture === undefined) return [way];
    const destination = question.ips.length === 0 ? `port ${question.port}` : `${ip}:${question.port}`;
    return [{ ...way, captured: { listener: capture.name ?? '', destination } }];
  });
}

function outgoing(sources: AdminSources): Listener__Output[] {
  const found: Listener__Output[] = [];
  for (const { typeUrl, message } of sources.resources()) {
    if (typeUrl !== TYPE.listener || message === undefined) continue;
    const listener = message as Listener__Output;
    if (listener.traffic_direction !== 'INBOUND') found.push(listener);
  }
  return found;
}

function addressesOf({ address, additional_addresses: more = [] }: Listener__Output): { host: string; port: number }[] {
  return [address, ...more.map((one) => one.address)].flatMap((one) => {
    const socket = one?.socket_address;
    return socket === undefined ? [] : [{ host: socket.address ?? '', port: socket.port_value ?? 0 }];
  });
}

interface Chain extends MatchedChain {
  readonly message: FilterChain__Output;
}

/** The chain by the listener's own matcher, of what its inspectors would see. */
function chosen(listener: Listener__Output, { scheme, port, serverName }: Question, ip: string): Way {
  const named = (message: FilterChain__Output, fallback: string): Chain => ({
    name: message.name === undefined || message.name === '' ? fallback : message.name,
    match: compileMatch(message.filter_chain_match ?? {}, new Issues()),
    message,
  });
  const chains = (listener.filter_chains ?? []).map((message, i) => named(message, `chain-${i}`));
  const last = listener.default_filter_chain;
  const matcher = FilterChainMatcher.build(chains, last === undefined ? undefined : named(last, 'default'));
  const inspects = (type: string): boolean =>
    (listener.listener_filters ?? []).some(
      ({ typed_config: config }) => config !== undefined && typeUrlOf(config) === type,
    );
  const tls = scheme === 'https' && inspects(EXTENSION.tlsInspector);
  const found = !(matcher instanceof FilterChainMatcher)
    ? undefined
    : matcher.match({
        ...FROM,
        destinationIp: ip,
        destinationPort: port,
        serverName: tls ? serverName : '',
        transportProtocol: tls ? 'tls' : 'raw_buffer',
        applicationProtocols: tls
          ? ['h2', 'http/1.1']
          : scheme === 'http' && inspects(EXTENSION.httpInspector)
            ? ['http/1.1']
            : [],
      });
  return {
    listener: listener.name ?? '',
    chainName: found?.name ?? '',
    proxied: false,
    ...(found && { chain: found.message }),
  };
}

/** What ends a chain. */
export function terminalOf({
  filters = [],
}: FilterChain__Output):
  | { readonly kind: 'http'; readonly manager: HttpConnectionManager__Output }
  | { readonly kind: 'tcp'; readonly proxy: TcpProxy__Output }
  | undefined {
  const config = filters.at(-1)?.typed_config;
  if (config === undefined) return undefined;
  if (typeUrlOf(config) === EXTENSION.httpConnectionManager) return { kind: 'http', manager: unpacked(config) };
  return typeUrlOf(config) === EXTENSION.tcpProxy ? { kind: 'tcp', proxy: unpacked(config) } : undefined;
}

export function tableOf(chain: FilterChain__Output): string {
  const end = terminalOf(chain);
  return end?.kind === 'http' ? (end.manager.rds?.route_config_name ?? '') : '';
}
