import { goldenOf } from '../../common/observe/golden.js';
import type {
  EdgeSecurity,
  Graph,
  GraphEdge,
  GraphNode,
  ResponseRate,
  ServiceSplit,
  SplitPart,
} from '../../common/observe/graph.js';
import { type EdgeResponse, type EdgeStats, NO_TRAFFIC } from '../../common/runtime/edge-report.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ProxyFacts } from './facts.js';
import type { EdgeHistory, Told, Window } from './history.js';
import { amountOf, type Hop, joinHops } from './hops.js';
import { graphNodes } from './nodes.js';

export interface GraphSubject {
  readonly snapshot: MeshSnapshot | undefined;
  readonly proxies: readonly ProxyFacts[];
  readonly history: Pick<EdgeHistory, 'source' | 'oldest'>;
  readonly window: Window;
  /** The window ends now. */
  readonly present: boolean;
  readonly told: Told<readonly EdgeStats[]>;
}

/** The graph of a window: what was counted, laid over what is configured. */
export function buildGraph({ snapshot, proxies, history, window, present, told }: GraphSubject): Graph {
  const windowMs = window.to - window.from;
  const hops = joinHops(told.value);
  const nodes = graphNodes({ snapshot, proxies, hops, windowMs, present });
  return {
    time: window.to,
    windowMs,
    oldest: history.oldest(),
    source: history.source,
    nodes,
    edges: graphEdges(hops, proxies, windowMs),
    splits: splitsOf(hops, nodes, windowMs),
    notes: told.notes,
  };
}

/** What touches a namespace: its nodes, their edges, and the nodes at the other ends. */
export function ofNamespace(graph: Graph, namespace: string): Graph {
  const own = new Set(
    graph.nodes.filter((node) => node.kind !== 'outside' && node.namespace === namespace).map(({ id }) => id),
  );
  const edges = graph.edges.filter(({ source, destination, service }) =>
    [source, destination, service].some((id) => own.has(id)),
  );
  const shown = new Set([
    ...own,
    ...edges.flatMap(({ source, destination, service }) => [source, destination, service]),
  ]);
  return {
    ...graph,
    nodes: graph.nodes.filter(({ id }) => shown.has(id)),
    edges,
    splits: graph.splits.filter(({ service }) => shown.has(service)),
  };
}

/** The edges of hops, with the most requests first. */
export function graphEdges(hops: readonly Hop[], proxies: readonly ProxyFacts[], windowMs: number): GraphEdge[] {
  const toService = new Map<string, number>();
  const shareKey = ({ source, service, destination }: Hop): string => `${source}>${service || destination}`;
  for (const hop of hops) toService.set(shareKey(hop), (toService.get(shareKey(hop)) ?? 0) + amountOf(hop.stats));
  return hops
    .map((hop): GraphEdge => {
      const { id, source, destination, service, protocol, reporter, stats } = hop;
      const responses = sumResponses(stats);
      const all = responses.reduce((sum, { count }) => sum + count, 0);
      const share = (flags: readonly string[]): number =>
        shareOf(responses, all, ({ flags: seen }) => seen.split(',').some((flag) => flags.includes(flag)));
      const inAll = toService.get(shareKey(hop)) ?? 0;
      return {
        id,
        source,
        destination,
        service,
        protocol,
        reporter,
        golden: goldenOf(stats, windowMs),
        security: securityOf(hop),
        responses: responses.map((response) => rate(response, windowMs)),
        share: inAll === 0 ? 0 : amountOf(hop.stats) / inAll,
        ...ejectedOf(hop, proxies),
        overflowed: share(['UO']),
        faultInjected: share(['FI', 'DI']),
        denied: deniedShare(hop),
        rateLimited: share(['RL', 'RLSE']),
      };
    })
    .sort((a, b) => b.golden.requestsPerSecond - a.golden.requestsPerSecond || (a.id < b.id ? -1 : 1));
}

function sumResponses(stats: readonly EdgeStats[]): EdgeResponse[] {
  const sums = new Map<string, EdgeResponse>();
  for (const response of stats.flatMap(({ responses }) => responses)) {
    const { code, flags, grpcStatus } = response;
    const key = `${code} ${flags} ${grpcStatus ?? ''}`;
    sums.set(key, { ...response, count: response.count + (sums.get(key)?.count ?? 0) });
  }
  return [...sums.values()].sort((a, b) => b.count - a.count);
}

function rate({ code, flags, count, grpcStatus }: EdgeResponse, windowMs: number): ResponseRate {
  return {
    code,
    flags,
    ...(grpcStatus !== undefined && { grpcStatus }),
    count,
    perSecond: count / Math.max(0.001, windowMs / 1000),
  };
}

function shareOf(responses: readonly EdgeResponse[], all: number, which: (response: EdgeResponse) => boolean): number {
  const count = responses.filter(which).reduce((sum, response) => sum + response.count, 0);
  return all === 0 ? 0 : count / all;
}

/** Only the server's sidecar knows that it was a policy that refused. */
function deniedShare({ stats, server }: Hop): number {
  const responses = (server.length > 0 ? server : stats).flatMap((edge) => edge.responses);
  const all = responses.reduce((sum, { count }) => sum + count, 0);
  return shareOf(responses, all, ({ origin }) => origin === 'rbac');
}

/** Ended before there was a connection to the other side, which says nothing about how it is protected. */
const UNCONNECTED: ReadonlySet<string> = new Set([
  'UF',
  'UH',
  'UO',
  'NR',
  'FI',
  'DI',
  'RL',
  'RLSE',
  'NC',
  'UAEX',
  'DPE',
  'IH',
]);

function securityOf({ stats, server, destination }: Hop): EdgeSecurity {
  const mtls = stats.filter((edge) => edge.mtls);
  const plain = stats.filter((edge) => !edge.mtls && wasConnected(edge));
  const anonymous = destination.startsWith('service/') && mtls.length === 0;
  const kind =
    mtls.length > 0 ? (plain.length > 0 ? 'mixed' : 'mtls') : plain.length > 0 && !anonymous ? 'plaintext' : 'unknown';
  const named = mtls[0] ?? server.find((edge) => edge.mtls);
  return {
    kind,
    sourceIdentity: identity(named?.source.principal),
    destinationIdentity: identity(named?.destination.principal),
  };
}

function wasConnected({ responses, traffic = NO_TRAFFIC }: EdgeStats): boolean {
  if (traffic.open > 0) return true;
  return responses.some(({ flags, count }) => count > 0 && !flags.split(',').some((flag) => UNCONNECTED.has(flag)));
}

function identity(principal: string | undefined): string {
  return principal === undefined || principal === 'unknown' ? '' : principal;
}

/** The worst that one of the source's sidecars says of a cluster of the service. */
function ejectedOf({ source, service }: Hop, proxies: readonly ProxyFacts[]): Pick<GraphEdge, 'hosts' | 'ejected'> {
  let worst = { hosts: 0, ejected: 0 };
  if (service === '') return worst;
  for (const { node, observed } of proxies) {
    if (node !== source) continue;
    for (const { name, hosts, ejected } of observed?.troubledClusters ?? []) {
      if (ejected > worst.ejected && `service/${name.split('|')[3]}` === service) worst = { hosts, ejected };
    }
  }
  return worst;
}

/** What each workload behind a service got, where there are several. */
function splitsOf(hops: readonly Hop[], nodes: readonly GraphNode[], windowMs: number): ServiceSplit[] {
  const versions = new Map(
    nodes.flatMap((node) => (node.kind === 'workload' ? [[node.id, node.version] as const] : [])),
  );
  return nodes.flatMap((node): ServiceSplit[] => {
    if (node.kind !== 'service') return [];
    const parts = new Map<string, number>(node.workloads.map((id) => [id, 0]));
    for (const hop of hops) {
      if (hop.service === node.id && versions.has(hop.destination))
        parts.set(hop.destination, (parts.get(hop.destination) ?? 0) + amountOf(hop.stats));
    }
    const all = [...parts.values()].reduce((sum, count) => sum + count, 0);
    if (parts.size < 2 || all === 0) return [];
    const seconds = Math.max(0.001, windowMs / 1000);
    const split = [...parts].map(
      ([workload, count]): SplitPart => ({
        workload,
        version: versions.get(workload) ?? '',
        requestsPerSecond: count / seconds,
        share: count / all,
      }),
    );
    return [{ service: node.id, parts: split.sort((a, b) => a.version.localeCompare(b.version)) }];
  });
}
