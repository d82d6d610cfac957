import type { TcpProxy__Output } from '../../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/TcpProxy.js';
import type { Issues } from '../snapshot/issues.js';
import { durationMs } from '../snapshot/wire-values.js';
import { compileAccessLogs } from './compile-connection-manager.js';
import type { ListenerDeps } from './compile-deps.js';
import type { TcpProxyConfig } from './config.js';

const DEFAULT_IDLE_MS = 3_600_000;

/** Compiles a TcpProxy. */
export function compileTcpProxy(
  message: TcpProxy__Output,
  fromFilters: Required<Pick<TcpProxyConfig, 'onOpen' | 'onClose' | 'clusterBySni'>>,
  deps: ListenerDeps,
  issues: Issues,
): TcpProxyConfig {
  issues.refuse(message, ['metadata_match', 'tunneling_config']);
  issues.ignore(message, [
    'downstream_idle_timeout',
    'upstream_idle_timeout',
    'access_log_flush_interval',
    'flush_access_log_on_connected',
    'access_log_options',
  ]);
  return {
    statPrefix: message.stat_prefix ?? '',
    clusters: compileClusters(message, issues),
    idleTimeoutMs: durationMs(message.idle_timeout) ?? DEFAULT_IDLE_MS,
    maxConnectAttempts: message.max_connect_attempts?.value ?? 1,
    accessLogs: compileAccessLogs(message.access_log, deps, issues.at('access_log')),
    ...fromFilters,
    maxDownstreamConnectionDurationMs: durationMs(message.max_downstream_connection_duration) ?? 0,
  };
}

function compileClusters(message: TcpProxy__Output, issues: Issues): TcpProxyConfig['clusters'] {
  if (message.weighted_clusters === undefined) {
    if ((message.cluster ?? '') === '') issues.error('names no cluster');
    return [{ name: message.cluster ?? '', weight: 1 }];
  }
  const at = issues.at('weighted_clusters').at('clusters');
  const clusters = (message.weighted_clusters.clusters ?? []).map((cluster, index) => {
    at.at(index).refuse(cluster, ['metadata_match']);
    if ((cluster.name ?? '') === '') at.at(index).error('has no name');
    if ((cluster.weight ?? 0) < 1) at.at(index).error('the weight must be at least 1');
    return { name: cluster.name ?? '', weight: cluster.weight ?? 0 };
  });
  if (clusters.length === 0) at.error('is empty');
  return clusters;
}
