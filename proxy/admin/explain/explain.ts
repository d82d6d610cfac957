import type { ExplainedCluster, ExplainedFault, RouteExplanation } from '../../common/observe/route-explanation.js';
import { toJson } from '../../common/xds/json.js';
import { fromStruct } from '../../common/xds/struct.js';
import { EXTENSION, TYPE } from '../../common/xds/type-urls.js';
import type { ClusterLoadAssignment__Output } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { Listener__Output } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { Route__Output } from '../../proto/gen/envoy/config/route/v3/Route.js';
import type { RouteConfiguration__Output } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { HTTPFault__Output } from '../../proto/gen/envoy/extensions/filters/http/fault/v3/HTTPFault.js';
import type { HttpConnectionManager__Output } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { RequestHead } from '../http/message.js';
import { type ConnectionInfo, PLAINTEXT_PEER, StreamInfo } from '../http/stream-info.js';
import { pathOnly } from '../router/actions/rewrite.js';
import { compileRouteMatch } from '../router/matchers/route-match.js';
import type { RouteEntry, RouteMatchContext, RouteTable } from '../router/route.js';
import { Issues } from '../snapshot/issues.js';
import { durationMs, fractionOf, typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import { requestOf } from './authz-explain.js';
import type { AdminSources } from './sources.js';

const LOCAL: ConnectionInfo = {
  id: 0,
  localAddress: '127.0.0.1:0',
  localIp: '127.0.0.1',
  localPort: 0,
  remoteAddress: '127.0.0.1:0',
  remoteIp: '127.0.0.1',
  remotePort: 0,
  peer: PLAINTEXT_PEER,
};

/**
 * What becomes of a request of the workload itself, by the tables in force: query `host` (with its port, where it is not 80), `path`,
 * `method`, `header` (`name: value`, several). Throws an Error that says what is wrong with the query.
 */
export function explainRoute(sources: AdminSources, query: URLSearchParams): RouteExplanation {
  const host = query.get('host') ?? '';
  if (host === '') throw new Error('host: the authority of the request is expected, such as reviews:9080');
  const port = Number(/:(\d+)$/.exec(host)?.[1] ?? 80);
  let last: RouteExplanation | undefined;
  for (const way of waysOut(sources, port)) {
    const head = requestOf(way.manager, query);
    const found = explainTable(sources, way, head);
    if (found.action !== 'none') return found;
    last ??= found;
  }
  if (last === undefined) throw new Error(`no listener of this sidecar takes HTTP to port ${port}`);
  return last;
}

interface WayOut {
  readonly listener: string;
  readonly manager: HttpConnectionManager__Output;
  readonly table: string;
}

/** Listeners of the port; without capture there is one for all ports. */
function waysOut(sources: AdminSources, port: number): WayOut[] {
  const ways: WayOut[] = [];
  for (const { typeUrl, message } of sources.resources()) {
    if (typeUrl !== TYPE.listener || message === undefined) continue;
    const listener = message as Listener__Output;
    if (listener.traffic_direction === 'INBOUND') continue;
    for (const { filters } of listener.filter_chains ?? []) {
      const config = filters?.at(-1)?.typed_config;
      if (config === undefined || typeUrlOf(config) !== EXTENSION.httpConnectionManager) continue;
      const manager = unpacked<HttpConnectionManager__Output>(config);
      const table = manager.rds?.route_config_name ?? '';
      const fits = table === 'http_proxy' || listener.address?.socket_address?.port_value === port;
      if (fits && table !== '') ways.push({ listener: listener.name ?? '', manager, table });
    }
  }
  return ways;
}

function explainTable(sources: AdminSources, { listener, table: name }: WayOut, head: RequestHead): RouteExplanation {
  const context = { info: new StreamInfo(LOCAL), random: () => 0 };
  const table: RouteTable | undefined = sources.routes?.(name);
  const entry = table?.match(head, context);
  if (entry === undefined) return { ...NOWHERE, listener, table: name };
  const host = messageOf<RouteConfiguration__Output>(sources, TYPE.route, name)?.virtual_hosts?.find(
    (one) => one.name === entry.virtualHost,
  );
  const index = (host?.routes ?? []).findIndex((route) => isMatch(route, head, context));
  const route = host?.routes?.[index];
  return {
    ...NOWHERE,
    listener,
    table: name,
    virtualHost: entry.virtualHost,
    route: entry.name || `number ${index + 1}`,
    matched: route?.match === undefined ? '' : JSON.stringify(toJson(MATCH, route.match)),
    config: configOf(route),
    ...actionOf(sources, entry, route),
    ...faultOf(route),
  };
}

const MATCH = 'type.googleapis.com/envoy.config.route.v3.RouteMatch';

const NOWHERE: RouteExplanation = {
  listener: '',
  table: '',
  virtualHost: '',
  route: '',
  matched: '',
  config: '',
  action: 'none',
  clusters: [],
  timeoutMs: 0,
  retries: 0,
  retryOn: [],
  perTryTimeoutMs: 0,
  mirrors: [],
};

function isMatch(route: Route__Output, head: RequestHead, context: RouteMatchContext): boolean {
  return compileRouteMatch(route.match, new Issues()).matches(head, pathOnly(head.path), context);
}

function configOf(route: Route__Output | undefined): string {
  const istio = route?.metadata?.filter_metadata?.['istio'];
  const { config } =
    istio === undefined ? {} : (fromStruct(istio as Parameters<typeof fromStruct>[0]) as { config?: unknown });
  return typeof config === 'string' ? config : '';
}

function actionOf(
  sources: AdminSources,
  { action }: RouteEntry,
  route: Route__Output | undefined,
): Partial<RouteExplanation> {
  if (action.kind !== 'forward') return { action: action.kind, status: action.status };
  const { timeoutMs, retry, mirrors } = action;
  return {
    action: 'forward',
    clusters: clustersOf(route).map(({ name, percent }) => ({ name, percent, hosts: hostsOf(sources, name) })),
    timeoutMs,
    retries: retry?.retries ?? 0,
    retryOn: [...(retry?.on ?? []), ...[...(retry?.statusCodes ?? [])].map(String)],
    perTryTimeoutMs: retry?.perTryTimeoutMs ?? 0,
    mirrors: mirrors.map(({ cluster, fraction }) => ({ cluster, percent: fraction * 100 })),
  };
}

function clustersOf(route: Route__Output | undefined): { name: string; percent: number }[] {
  const { cluster, weighted_clusters: weighted } = route?.route ?? {};
  if (weighted === undefined) return cluster === undefined ? [] : [{ name: cluster, percent: 100 }];
  const all = weighted.clusters ?? [];
  const total = all.reduce((sum, { weight }) => sum + (weight?.value ?? 0), 0);
  return all.map(({ name = '', weight }) => ({
    name,
    percent: total === 0 ? 0 : ((weight?.value ?? 0) / total) * 100,
  }));
}

function hostsOf(sources: AdminSources, name: string): ExplainedCluster['hosts'] {
  const mtls = mtlsHosts(sources, name);
  for (const cluster of sources.clusters()) {
    if (cluster.name !== name) continue;
    return [...cluster.hosts].map(({ host, healthFlags }) => ({
      address: host.address,
      healthy: healthFlags.length === 0,
      mtls: mtls.has(host.address),
    }));
  }
  return [];
}

/** Addresses that are called by the mesh's mTLS: the transport is chosen by what the endpoint says. */
function mtlsHosts(sources: AdminSources, name: string): ReadonlySet<string> {
  const assignment = messageOf<ClusterLoadAssignment__Output>(sources, TYPE.endpoint, name);
  const found = new Set<string>();
  for (const { lb_endpoints = [] } of assignment?.endpoints ?? []) {
    for (const { endpoint, metadata } of lb_endpoints) {
      const { address = '', port_value = 0 } = endpoint?.address?.socket_address ?? {};
      if (metadata?.filter_metadata?.['envoy.transport_socket_match'] !== undefined)
        found.add(`${address}:${port_value}`);
    }
  }
  return found;
}

function messageOf<T>(sources: AdminSources, typeUrl: string, name: string): T | undefined {
  for (const resource of sources.resources()) {
    if (resource.typeUrl === typeUrl && resource.name === name) return resource.message as T | undefined;
  }
  return undefined;
}

function faultOf(route: Route__Output | undefined): { readonly fault?: ExplainedFault } {
  for (const config of Object.values(route?.typed_per_filter_config ?? {})) {
    if (typeUrlOf(config) !== EXTENSION.fault) continue;
    const { delay, abort } = unpacked<HTTPFault__Output>(config);
    const percent = (share: Parameters<typeof fractionOf>[0] | undefined): number =>
      share === undefined ? 0 : fractionOf(share) * 100;
    const status = abort?.grpc_status === undefined ? abort?.http_status : undefined;
    return {
      fault: {
        ...(delay && { delayMs: durationMs(delay.fixed_delay) ?? 0, delayPercent: percent(delay.percentage) }),
        ...(abort && {
          abort: status === undefined ? `gRPC status ${abort.grpc_status ?? ''}` : String(status),
          abortPercent: percent(abort.percentage),
        }),
      },
    };
  }
  return {};
}
