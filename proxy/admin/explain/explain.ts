import type { ExplainedCluster, ExplainedFault, RouteExplanation } from '../../../common/observe/route-explanation.js';
import { toJson } from '../../../common/xds/json.js';
import { EXTENSION, TYPE } from '../../../common/xds/type-urls.js';
import type { ClusterLoadAssignment__Output } from '../../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { Route__Output } from '../../../proto/gen/envoy/config/route/v3/Route.js';
import type { RouteConfiguration__Output } from '../../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { HTTPFault__Output } from '../../../proto/gen/envoy/extensions/filters/http/fault/v3/HTTPFault.js';
import type { HttpConnectionManager__Output } from '../../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { TcpProxy__Output } from '../../../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/TcpProxy.js';
import type { RequestHead } from '../../http/message.js';
import { type ConnectionInfo, PLAINTEXT_PEER, StreamInfo } from '../../http/stream-info.js';
import { pathOnly } from '../../router/actions/rewrite.js';
import { compileRouteMatch } from '../../router/matchers/route-match.js';
import type { RouteEntry, RouteMatchContext, RouteTable } from '../../router/route.js';
import { configOf } from '../../router/route-label.js';
import { Issues } from '../../snapshot/issues.js';
import { durationMs, fractionOf, typeUrlOf, unpacked } from '../../snapshot/wire-values.js';
import { gatewayChain } from '../authz.js';
import { decideAtGateway, requestOf } from '../authz-explain.js';
import type { AdminSources } from '../sources.js';
import { clusterTls, serverTls } from './tls.js';
import { type Question, terminalOf, type Way, waysOf } from './way.js';

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
 * What becomes of a request of the workload itself, or of a client of this gateway, by what is in force: query `host` (with its port),
 * `scheme` (`http`, `https`, `tcp`), `path`, `method`, `header` (`name: value`, several), `ip` (of the destination, several) and
 * `gateway` (the port at which somebody asks this gateway). Throws an Error that says what is wrong with the query.
 */
export function explainRoute(sources: AdminSources, query: URLSearchParams): RouteExplanation {
  const question = questionOf(query);
  let last: RouteExplanation | undefined;
  for (const way of waysOf(sources, question)) {
    const found = explainWay(sources, way, question, query);
    if (found.action !== 'none') return found;
    last ??= found;
  }
  if (last === undefined) throw new Error(`no listener of this proxy takes connections to port ${question.port}`);
  return last;
}

const PORTS = { http: 80, https: 443, tcp: 0 } as const;

function questionOf(query: URLSearchParams): Question {
  const host = query.get('host') ?? '';
  if (host === '') throw new Error('host: the authority of the request is expected, such as reviews:9080');
  const scheme = query.get('scheme') ?? 'http';
  if (scheme !== 'http' && scheme !== 'https' && scheme !== 'tcp') throw new Error('scheme is http, https or tcp');
  const gateway = query.get('gateway');
  const port = Number(gateway ?? /:(\d+)$/.exec(host)?.[1] ?? PORTS[scheme]);
  if (!(port > 0)) throw new Error('host: HOST:PORT is expected');
  const serverName = host.replace(/:\d+$/, '').toLowerCase();
  return { scheme, ips: query.getAll('ip').slice(0, 8), port, serverName, toGateway: gateway !== null };
}

function explainWay(sources: AdminSources, way: Way, question: Question, query: URLSearchParams): RouteExplanation {
  const { listener, captured, chain, chainName, proxied } = way;
  const match = chain?.filter_chain_match;
  const place = {
    ...NOWHERE,
    listener,
    ...(captured && { captured }),
    chain: chainName,
    chainMatch: match === undefined ? '' : JSON.stringify(toJson(CHAIN_MATCH, match)),
  };
  const end = chain === undefined ? undefined : terminalOf(chain);
  if (chain === undefined || end === undefined) return { ...place, chain: '' };
  const tls = serverTls(sources, chain);
  // TLS that nobody ends here is not looked into.
  if (end.kind === 'http' && question.scheme !== 'http' && tls === undefined && !proxied)
    return { ...place, refusal: 'it takes HTTP in plain text only' };
  if (tls !== undefined && question.scheme !== 'https') return { ...place, tls, refusal: 'it takes TLS only' };
  const asked = proxied && question.scheme !== 'http' ? tunnelOf(query) : query;
  const decision = question.toGateway ? decideAtGateway(gatewayChain(chain, question.port), asked) : undefined;
  const base = { ...place, ...(tls && { tls }), ...(decision && { decision }) };
  if (end.kind === 'tcp') return explainRelay(sources, end.proxy, base);
  const found = explainTable(sources, end.manager, requestOf(end.manager, asked), base);
  return asked === query ? found : { ...found, protocol: 'tcp' };
}

/** What an application sends its HTTP proxy in order to speak anything else. */
function tunnelOf(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams({ host: authorityOf(query), method: 'CONNECT', path: '/' });
}

function authorityOf(query: URLSearchParams): string {
  const host = query.get('host') ?? '';
  return /:\d+$/.test(host) ? host : `${host}:443`;
}

function explainRelay(sources: AdminSources, proxy: TcpProxy__Output, base: RouteExplanation): RouteExplanation {
  const all: readonly { readonly name?: string; readonly weight?: number }[] = proxy.weighted_clusters?.clusters ?? [
    { name: proxy.cluster ?? '', weight: 1 },
  ];
  const total = all.reduce((sum, { weight = 0 }) => sum + weight, 0);
  const clusters = all.map(({ name = '', weight = 0 }) => ({
    name,
    percent: total === 0 ? 0 : (weight / total) * 100,
  }));
  return { ...base, protocol: 'tcp', action: 'forward', clusters: clusters.map((one) => explainCluster(sources, one)) };
}

function explainTable(
  sources: AdminSources,
  manager: HttpConnectionManager__Output,
  head: RequestHead,
  base: RouteExplanation,
): RouteExplanation {
  const name = manager.rds?.route_config_name ?? '';
  const context = { info: new StreamInfo(LOCAL), random: () => 0 };
  const table: RouteTable | undefined = sources.routes?.(name);
  const entry = table?.match(head, context);
  if (entry === undefined) return { ...base, table: name };
  const host = messageOf<RouteConfiguration__Output>(sources, TYPE.route, name)?.virtual_hosts?.find(
    (one) => one.name === entry.virtualHost,
  );
  const index = (host?.routes ?? []).findIndex((route) => isMatch(route, head, context));
  const route = host?.routes?.[index];
  return {
    ...base,
    table: name,
    virtualHost: entry.virtualHost,
    route: entry.name || `number ${index + 1}`,
    matched: route?.match === undefined ? '' : JSON.stringify(toJson(MATCH, route.match)),
    config: configOf(route),
    ...actionOf(sources, entry, route),
    ...faultOf(route),
  };
}

const CHAIN_MATCH = 'type.googleapis.com/envoy.config.listener.v3.FilterChainMatch';
const MATCH = 'type.googleapis.com/envoy.config.route.v3.RouteMatch';

const NOWHERE: RouteExplanation = {
  listener: '',
  chain: '',
  chainMatch: '',
  protocol: 'http',
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

function actionOf(
  sources: AdminSources,
  { action }: RouteEntry,
  route: Route__Output | undefined,
): Partial<RouteExplanation> {
  if (action.kind !== 'forward') return { action: action.kind, status: action.status };
  const { timeoutMs, retry, mirrors } = action;
  return {
    action: 'forward',
    clusters: clustersOf(route).map((one) => explainCluster(sources, one)),
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

function explainCluster(
  sources: AdminSources,
  { name, percent }: { readonly name: string; readonly percent: number },
): ExplainedCluster {
  const tls = clusterTls(sources, name);
  return { name, percent, ...(tls && { tls }), hosts: hostsOf(sources, name) };
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
