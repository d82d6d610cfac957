import { isSocketPath } from '../../common/runtime/socket-path.js';
import type { Address__Output } from '../../proto/gen/envoy/config/core/v3/Address.js';
import type { Listener__Output } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import { Issues } from '../snapshot/issues.js';
import { durationMs } from '../snapshot/wire-values.js';
import { compileAccessLogs } from './compile-connection-manager.js';
import type { ListenerDeps, References } from './compile-deps.js';
import { type ChainPlace, compileFilterChain } from './compile-filter-chain.js';
import { compileListenerFilters } from './compile-listener-filters.js';
import type { FilterChainConfig, ListenerConfig } from './config.js';
import { FilterChainMatcher } from './filter-chain-match.js';

export type CompiledListener =
  | {
      readonly config: ListenerConfig;
      readonly rdsNames: readonly string[];
      readonly secretNames: readonly string[];
      readonly warnings: readonly string[];
    }
  | { readonly errors: readonly string[] };

const DIRECTION = { UNSPECIFIED: 'unspecified', INBOUND: 'inbound', OUTBOUND: 'outbound' } as const;
const DEFAULT_INSPECT_MS = 15_000;

/** Compiles a Listener with all that it contains; every error is reported, not only the first. */
export function compileListener(message: Listener__Output, deps: ListenerDeps): CompiledListener {
  const issues = new Issues();
  checkListener(message, issues);
  const references: References = { rdsNames: new Set(), secretNames: new Set() };
  const direction = DIRECTION[message.traffic_direction ?? 'UNSPECIFIED'];
  const place: ChainPlace = { direction, deps, references };
  const filterChains = compileChains(message, place, issues);
  const defaultFilterChain =
    message.default_filter_chain === undefined
      ? undefined
      : compileFilterChain(message.default_filter_chain, 'default', place, issues.at('default_filter_chain'));
  const filters = compileListenerFilters(message, issues.at('listener_filters'));
  const handsOff = message.use_original_dst?.value === true;
  const config: ListenerConfig = {
    name: message.name ?? '',
    addresses: compileAddresses(message, issues),
    direction,
    filterChains,
    defaultFilterChain,
    ...filters,
    // Envoy adds the filter by itself where connections are handed over.
    originalDst: filters.originalDst || handsOff,
    inspectTimeoutMs: durationMs(message.listener_filters_timeout) ?? DEFAULT_INSPECT_MS,
    continueOnInspectTimeout: message.continue_on_listener_filters_timeout === true,
    bindToPort: message.bind_to_port?.value ?? true,
    handsOff,
    transparent: message.transparent?.value === true,
    accessLogs: compileAccessLogs(message.access_log, deps, issues.at('access_log')),
  };
  const matcher = FilterChainMatcher.build(filterChains, defaultFilterChain);
  if (!(matcher instanceof FilterChainMatcher)) for (const error of matcher.errors) issues.error(error);
  if (issues.errors.length > 0) return { errors: issues.errors };
  return {
    config,
    rdsNames: [...references.rdsNames],
    secretNames: [...references.secretNames],
    warnings: issues.warnings,
  };
}

function checkListener(message: Listener__Output, issues: Issues): void {
  if (message.freebind?.value === true) issues.at('freebind').error('is not supported');
  if ((message.filter_chains ?? []).length === 0 && message.default_filter_chain === undefined) {
    issues.at('filter_chains').error('is empty');
  }
  issues.ignore(message, [
    'per_connection_buffer_limit_bytes',
    'tcp_fast_open_queue_length',
    'connection_balance_config',
    'tcp_backlog_size',
    'enable_mptcp',
    'ignore_global_conn_limit',
    'max_connections_to_accept_per_socket_event',
    'bypass_overload_manager',
  ]);
}

function compileChains(message: Listener__Output, place: ChainPlace, issues: Issues): readonly FilterChainConfig[] {
  const names = new Set<string>();
  return (message.filter_chains ?? []).flatMap((chain, index) => {
    const at = issues.at('filter_chains').at(index);
    const compiled = compileFilterChain(chain, `chain-${index}`, place, at);
    if (compiled === undefined) return [];
    if (names.has(compiled.name)) at.error(`another filter chain is named '${compiled.name}'`);
    names.add(compiled.name);
    return [compiled];
  });
}

function compileAddresses(message: Listener__Output, issues: Issues): ListenerConfig['addresses'] {
  const addresses: [Address__Output | undefined, Issues][] = [[message.address, issues.at('address')]];
  (message.additional_addresses ?? []).forEach((additional, index) => {
    addresses.push([additional.address, issues.at('additional_addresses').at(index)]);
  });
  return addresses.flatMap(([address, at]) => {
    const pipe = address?.pipe?.path ?? '';
    if (isSocketPath(pipe)) {
      // Connections that come so have no addresses, by which handshakes are told apart.
      if (chainsEndTls(message)) at.error('a Unix socket takes no TLS');
      return [{ host: pipe, port: 0 }];
    }
    const socket = address?.socket_address;
    if (socket === undefined || socket.protocol === 'UDP' || (socket.named_port ?? '') !== '') {
      at.error('only TCP socket addresses with a port number, and Unix sockets, are supported');
      return [];
    }
    const host = socket.address ?? '';
    return [{ host, port: socket.port_value ?? 0, ...(socket.ipv4_compat === true && { dualStack: true }) }];
  });
}

function chainsEndTls({ filter_chains: chains, default_filter_chain: fallback }: Listener__Output): boolean {
  return [...(chains ?? []), fallback].some((chain) => (chain?.transport_socket ?? undefined) !== undefined);
}
