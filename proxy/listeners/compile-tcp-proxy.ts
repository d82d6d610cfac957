import type {
  TcpProxy__Output,
  _envoy_extensions_filters_network_tcp_proxy_v3_TcpProxy_TunnelingConfig__Output as TunnelingConfig,
} from '../../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/TcpProxy.js';
import type { Issues } from '../snapshot/issues.js';
import { durationMs } from '../snapshot/wire-values.js';
import { compileAccessLogs } from './compile-connection-manager.js';
import type { ListenerDeps } from './compile-deps.js';
import type { TcpProxyConfig } from './config.js';

const DEFAULT_IDLE_MS = 3_600_000;

/** Compiles a TcpProxy. */
export function compileTcpProxy(
  message: TcpProxy__Output,
  fromFilters: Required<Pick<TcpProxyConfig, 'onOpen' | 'onClose' | 'clusterBySni'>> &
    Pick<TcpProxyConfig, 'lookUpSni'>,
  deps: ListenerDeps,
  issues: Issues,
): TcpProxyConfig {
  issues.refuse(message, ['metadata_match']);
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
    tunnel: compileTunnel(message.tunneling_config, issues.at('tunneling_config')),
    hashSource: compileHash(message, issues.at('hash_policy')),
    ...fromFilters,
    maxDownstreamConnectionDurationMs: durationMs(message.max_downstream_connection_duration) ?? 0,
  };
}

function compileTunnel(message: TunnelingConfig | undefined, issues: Issues): TcpProxyConfig['tunnel'] {
  if (message === undefined) return undefined;
  issues.ignore(message, ['propagate_response_headers', 'propagate_response_trailers']);
  const authority = message.hostname ?? '';
  if (!CONSTANT.test(authority) || authority.includes(' ')) issues.at('hostname').error('must be a constant host:port');
  const headers = (message.headers_to_add ?? []).map(({ header }, index) => {
    const { key = '', value = '' } = header ?? {};
    if (!/^[!#$&'*+.^_`|~\w-]+$/.test(key) || !CONSTANT.test(value)) {
      issues.at('headers_to_add').at(index).error('must be a header with a constant value');
    }
    return [key, value] as const;
  });
  if (message.use_post !== true) return { authority, headers };
  const postPath = message.post_path || '/';
  if (!/^\/[!-~]*$/.test(postPath)) issues.at('post_path').error('must be an absolute path');
  return { authority, headers, postPath };
}

/** Visible text without formats. */
const CONSTANT = /^[ !-$&-~]+$/;

function compileHash(message: TcpProxy__Output, issues: Issues): boolean {
  const policies = message.hash_policy ?? [];
  for (const [index, policy] of policies.entries()) {
    if (policy.source_ip === undefined) issues.at(index).error('only source_ip is supported');
  }
  return policies.length > 0;
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
