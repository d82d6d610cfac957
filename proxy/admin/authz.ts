import { BLACK_HOLE_CLUSTER } from '../../common/xds/names.js';
import { EXTENSION, TYPE } from '../../common/xds/type-urls.js';
import type { FilterChain__Output } from '../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { Listener__Output } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { RBAC__Output as Rules } from '../../proto/gen/envoy/config/rbac/v3/RBAC.js';
import type { JwtAuthentication__Output } from '../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtAuthentication.js';
import type { RBAC__Output } from '../../proto/gen/envoy/extensions/filters/http/rbac/v3/RBAC.js';
import type { HttpConnectionManager__Output } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { TcpProxy__Output } from '../../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/TcpProxy.js';
import { typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import type { ResourceView } from './sources.js';

/** One thing that is asked about a request, in the order in which it is. */
export type AuthzStep =
  | { readonly kind: 'rules'; readonly rules: Rules }
  /** Rules that only try out what they would do. */
  | { readonly kind: 'dry-run'; readonly rules: Rules }
  /** An authorization service, asked about what its rules match; `prefix` begins the names of its policies. */
  | { readonly kind: 'custom'; readonly rules: Rules; readonly cluster: string }
  /** JSON web tokens of these issuers are checked. */
  | { readonly kind: 'tokens'; readonly issuers: readonly string[] };

/** One way into the workload. */
export interface AuthzChain {
  /** Of the application; 0 for all ports that have no chain of their own. */
  readonly port: number;
  readonly secured: 'mTLS' | 'plaintext';
  readonly manager: HttpConnectionManager__Output | undefined;
  readonly steps: readonly AuthzStep[];
}

/** The ways in that listeners in force open, with the policies on each. TLS of the application's own counts as TCP in plain text. */
export function authzChains(resources: Iterable<ResourceView>): AuthzChain[] {
  const chains: AuthzChain[] = [];
  for (const { typeUrl, message } of resources) {
    if (typeUrl !== TYPE.listener || message === undefined) continue;
    const listener = message as Listener__Output;
    if (listener.traffic_direction !== 'INBOUND') continue;
    for (const chain of listener.filter_chains ?? []) {
      const found = chainOf(chain);
      if (found !== undefined) chains.push(found);
    }
  }
  return chains.sort((a, b) => a.port - b.port);
}

/** What a gateway's chain asks of whoever comes, at a port. */
export function gatewayChain({ filters = [] }: FilterChain__Output, port: number): AuthzChain {
  const last = filters.at(-1)?.typed_config;
  const http = last !== undefined && typeUrlOf(last) === EXTENSION.httpConnectionManager;
  const manager = http ? unpacked<HttpConnectionManager__Output>(last) : undefined;
  const all = [...filters.slice(0, -1), ...(manager?.http_filters ?? [])].map(({ typed_config: config }) => config);
  return { port, secured: 'plaintext', manager, steps: stepsOf(all) };
}

function chainOf(chain: FilterChain__Output): AuthzChain | undefined {
  const filters = chain.filters ?? [];
  const last = filters.at(-1)?.typed_config;
  const tls = chain.transport_socket !== undefined;
  if (last === undefined || (!tls && chain.filter_chain_match?.transport_protocol === 'tls')) return undefined;
  const secured = tls ? 'mTLS' : 'plaintext';
  const before = filters.slice(0, -1).map(({ typed_config: config }) => config);
  if (typeUrlOf(last) === EXTENSION.httpConnectionManager) {
    const manager = unpacked<HttpConnectionManager__Output>(last);
    const all = [...before, ...(manager.http_filters ?? []).map(({ typed_config: config }) => config)];
    const port = chain.filter_chain_match?.destination_port?.value ?? portOf(manager.route_config?.name);
    return { port, secured, manager, steps: stepsOf(all) };
  }
  if (typeUrlOf(last) !== EXTENSION.tcpProxy) return undefined;
  const { cluster } = unpacked<TcpProxy__Output>(last);
  if (cluster === BLACK_HOLE_CLUSTER) return undefined;
  const port = chain.filter_chain_match?.destination_port?.value ?? portOf(cluster);
  return { port, secured, manager: undefined, steps: stepsOf(before) };
}

/** Of `inbound|9080||`. */
function portOf(name: string | undefined): number {
  return Number(/^inbound\|(\d+)\|/.exec(name ?? '')?.[1] ?? 0);
}

type Packed = Parameters<typeof typeUrlOf>[0];

const RBAC: ReadonlySet<string> = new Set([EXTENSION.httpRbac, EXTENSION.networkRbac]);
const EXT_AUTHZ: ReadonlySet<string> = new Set([EXTENSION.httpExtAuthz, EXTENSION.networkExtAuthz]);

function issuersOf(config: Exclude<Packed, undefined>): string[] {
  const { providers = {} } = unpacked<JwtAuthentication__Output>(config);
  return [...new Set(Object.values(providers).map(({ issuer = '' }) => issuer))].filter((issuer) => issuer !== '');
}

interface Service {
  readonly http_service?: { readonly server_uri?: { readonly cluster?: string } };
  readonly grpc_service?: { readonly envoy_grpc?: { readonly cluster_name?: string } };
}

function stepsOf(filters: readonly Packed[]): AuthzStep[] {
  const steps: AuthzStep[] = [];
  let pending: Rules | undefined;
  for (const config of filters) {
    if (config === undefined) continue;
    const type = typeUrlOf(config);
    if (type === EXTENSION.jwtAuthn) steps.push({ kind: 'tokens', issuers: issuersOf(config) });
    else if (EXT_AUTHZ.has(type)) {
      const { http_service: http, grpc_service: grpc } = unpacked<Service>(config);
      const cluster = http?.server_uri?.cluster ?? grpc?.envoy_grpc?.cluster_name ?? '';
      if (pending !== undefined) steps.push({ kind: 'custom', rules: pending, cluster });
      pending = undefined;
    } else if (RBAC.has(type)) {
      const { rules, shadow_rules: shadow, shadow_rules_stat_prefix: prefix } = unpacked<RBAC__Output>(config);
      if (shadow !== undefined && (prefix ?? '').startsWith('istio_ext_authz')) pending = shadow;
      else if (shadow !== undefined) steps.push({ kind: 'dry-run', rules: shadow });
      if (rules !== undefined) steps.push({ kind: 'rules', rules });
    }
  }
  return steps;
}
