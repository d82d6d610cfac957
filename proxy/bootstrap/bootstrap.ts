import { isIP } from 'node:net';
import { KEY_KINDS, type KeyKind, keyKindOf } from '../../common/identity/keys.js';
import type { StructMessage } from '../../common/xds/struct.js';
import type { Admin__Output } from '../../proto/gen/envoy/config/bootstrap/v3/Admin.js';
import type { Bootstrap__Output } from '../../proto/gen/envoy/config/bootstrap/v3/Bootstrap.js';
import type { ProxyConfig } from '../config.js';
import type { Issues } from '../snapshot/issues.js';
import { readDynamic } from './dynamic.js';
import { NodeMetadata } from './node-metadata.js';

const DEFAULT_DRAIN_SECONDS = 5;
/** Istio's default for drainDuration. */
const DEFAULT_LISTENER_DRAIN_SECONDS = 45;
/** Istio's. */
const DNS_PORT = 15_053;
const DEFAULT_TTL_SECONDS = 24 * 3600;
/** Istio keeps the series of peers that are gone forever. */
const DEFAULT_EVICTION_MS = 24 * 3600_000;

/** Turns a Bootstrap (envoy.config.bootstrap.v3) into the proxy's settings. Errors go to `issues`. */
export function readBootstrap(message: Bootstrap__Output, issues: Issues): ProxyConfig {
  nameUnused(message, issues);
  const node = message.node ?? {};
  const at = issues.at('node').at('metadata');
  const metadata = new NodeMetadata(node.metadata as StructMessage | undefined, at);
  const caAddress = metadata.text('CA_ADDR');
  const config: ProxyConfig = {
    bootstrap: message,
    node,
    workload: readWorkload(metadata),
    admin: message.admin === undefined ? undefined : readAdmin(message.admin, issues.at('admin')),
    staticResources: message.static_resources ?? {},
    dynamic: readDynamic(message.dynamic_resources, issues.at('dynamic_resources')),
    ca:
      caAddress === undefined
        ? undefined
        : {
            address: caAddress,
            rootsPath: metadata.text('CA_ROOT_CERT'),
            ttlSeconds: metadata.positive('CERT_TTL_SECONDS') ?? DEFAULT_TTL_SECONDS,
            keyKind: readKeyKind(metadata.text('CERT_KEY'), at.at('CERT_KEY')),
          },
    tokenPath: metadata.text('TOKEN_PATH'),
    dns: metadata.flag('DNS_CAPTURE') ? readDns(metadata.text('DNS_PROXY_ADDR'), at.at('DNS_PROXY_ADDR')) : undefined,
    workloadApi: readWorkloadApi(metadata, at),
    drainMs: (metadata.positive('DRAIN_SECONDS') ?? DEFAULT_DRAIN_SECONDS) * 1000,
    statsEvictionMs: evictionMs(metadata),
    listenerDrainMs: (metadata.positive('LISTENER_DRAIN_SECONDS') ?? DEFAULT_LISTENER_DRAIN_SECONDS) * 1000,
  };
  requireNode(config, issues);
  return Object.freeze(config);
}

/** `0` keeps everything. */
function evictionMs(metadata: NodeMetadata): number {
  if (metadata.isZero('STATS_EVICTION_SECONDS')) return Number.POSITIVE_INFINITY;
  const seconds = metadata.positive('STATS_EVICTION_SECONDS');
  return seconds === undefined ? DEFAULT_EVICTION_MS : seconds * 1000;
}

function readKeyKind(name: string | undefined, issues: Issues): KeyKind {
  const kind = keyKindOf(name ?? 'P-256');
  if (kind === undefined) issues.error(`must be one of ${KEY_KINDS.join(', ')}`);
  return kind ?? 'P-256';
}

/** `localhost:15053`, which is what packets are redirected to, or an address of one family. */
function readDns(address: string | undefined, issues: Issues): ProxyConfig['dns'] {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d{1,5})$/.exec(address ?? `localhost:${DNS_PORT}`) ?? [];
  if (host === 'localhost') return { hosts: ['127.0.0.1', '::1'], port: Number(port) };
  if (isIP(host) === 0) issues.error('must be localhost or an IP address, and a port');
  return { hosts: [host], port: Number(port) };
}

/** Users by number, `1000,1001`, or `*`; without a list it is only ours and root, who can have the key anyway. */
function readWorkloadApi(metadata: NodeMetadata, issues: Issues): ProxyConfig['workloadApi'] {
  const socketPath = metadata.text('WORKLOAD_API_SOCKET');
  if (socketPath === undefined) return undefined;
  if (!socketPath.startsWith('/')) issues.at('WORKLOAD_API_SOCKET').error('must be an absolute path');
  const list = metadata.text('WORKLOAD_API_UIDS')?.trim();
  if (list === '*') return { socketPath, uids: 'any' };
  const named = (list ?? '')
    .split(',')
    .map((uid) => uid.trim())
    .filter(Boolean);
  const wrong = named.find((uid) => !/^\d{1,10}$/.test(uid));
  if (wrong !== undefined) issues.at('WORKLOAD_API_UIDS').error(`'${wrong}' is no user's number`);
  return { socketPath, uids: new Set(list === undefined ? [0, process.getuid?.() ?? 0] : named.map(Number)) };
}

function readWorkload(metadata: NodeMetadata): ProxyConfig['workload'] {
  return {
    name: metadata.text('WORKLOAD_NAME') ?? '',
    namespace: metadata.text('NAMESPACE') ?? '',
    serviceAccount: metadata.text('SERVICE_ACCOUNT') ?? '',
    labels: metadata.texts('LABELS'),
    clusterId: metadata.text('CLUSTER_ID') ?? '',
    meshId: metadata.text('MESH_ID') ?? '',
    trustDomain: metadata.text('TRUST_DOMAIN') ?? '',
  };
}

/** What a server or a CA needs to know about us must be there. */
function requireNode(config: ProxyConfig, issues: Issues): void {
  const node = issues.at('node');
  if (config.dynamic.ads !== undefined) {
    if ((config.node.id ?? '') === '') node.at('id').error('is required with dynamic_resources');
    if ((config.node.cluster ?? '') === '') node.at('cluster').error('is required with dynamic_resources');
  }
  if (config.ca === undefined) return;
  const { namespace, serviceAccount, trustDomain } = config.workload;
  const required = { NAMESPACE: namespace, SERVICE_ACCOUNT: serviceAccount, TRUST_DOMAIN: trustDomain };
  for (const [key, value] of Object.entries(required)) {
    if (value === '') node.at('metadata').at(key).error('is required with CA_ADDR');
  }
}

function readAdmin(admin: Admin__Output, issues: Issues): ProxyConfig['admin'] {
  issues.ignore(admin, ['access_log', 'access_log_path', 'profile_path', 'ignore_global_conn_limit']);
  const socket = admin.address?.socket_address;
  if (admin.address === undefined) return undefined;
  if (socket === undefined) {
    issues.at('address').error('only socket_address is supported');
    return undefined;
  }
  return { host: socket.address ?? '127.0.0.1', port: socket.port_value ?? 0 };
}

/** Fields that Envoy acts on and we do not: an error where that would show, a warning where it would not. */
function nameUnused(message: Bootstrap__Output, issues: Issues): void {
  issues.refuse(message, [
    'hds_config',
    'bootstrap_extensions',
    'config_sources',
    'default_config_source',
    'certificate_provider_instances',
    'xds_delegate_extension',
    'xds_config_tracker_extension',
    'listener_manager',
  ]);
  if (message.header_prefix !== 'x-envoy') issues.refuse(message, ['header_prefix']);
  issues.ignore(message, [
    'node_context_params',
    'flags_path',
    'stats_flush_interval',
    'stats_flush_on_admin',
    'layered_runtime',
    'enable_dispatcher_stats',
    'stats_server_version_override',
    'use_tcp_for_dns_lookups',
    'typed_dns_resolver_config',
    'default_socket_interface',
    'perf_tracing_file_path',
    'default_regex_engine',
  ]);
  if (message.cluster_manager === undefined) return;
  const manager = issues.at('cluster_manager');
  manager.refuse(message.cluster_manager, ['upstream_bind_config', 'load_stats_config']);
  manager.ignore(message.cluster_manager, ['enable_deferred_cluster_creation']);
  const own = message.cluster_manager.local_cluster_name ?? '';
  const known = (message.static_resources?.clusters ?? []).some(({ name }) => name === own);
  if (own !== '' && !known) manager.at('local_cluster_name').error(`there is no static cluster '${own}'`);
}
