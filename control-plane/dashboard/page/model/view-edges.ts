import type { EdgeProtocol, EdgeSecurity, Golden, GraphEdge } from '../../../../common/observe/graph.js';
import { addUp, type Health, healthOf } from './signals.js';

export interface ViewEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly protocol: EdgeProtocol;
  readonly golden: Golden;
  readonly health: Health;
  readonly security: EdgeSecurity['kind'];
  /** Of the requests to the service that have a choice, how many go here; undefined where there is none. */
  readonly share: number | undefined;
  readonly marks: readonly Mark[];
  readonly members: readonly GraphEdge[];
}

export type Mark = 'circuit-broken' | 'ejected' | 'fault' | 'denied' | 'rate-limited';

/** As what an edge's ends are drawn. */
export interface Ends {
  readonly nodeOf: (id: string) => string;
  /** The service's own node on the way to its workloads; undefined leaves it out. */
  readonly serviceOf: (edge: GraphEdge) => string | undefined;
}

/** The lines of all edges; those between the same two are one. */
export function viewEdges(edges: readonly GraphEdge[], ends: Ends): ViewEdge[] {
  return joinEdges(edges.flatMap((edge) => hops(edge, ends)));
}

/** One line, or two by way of the service. */
function hops(edge: GraphEdge, { nodeOf, serviceOf }: Ends): ViewEdge[] {
  const source = nodeOf(edge.source);
  const target = nodeOf(edge.destination);
  const service = serviceOf(edge);
  if (service === undefined) {
    return [line(edge, source, target, edge.share < 1 && target !== edge.service ? edge.share : undefined)];
  }
  return [line(edge, source, service, undefined), line(edge, service, target, edge.share)];
}

function line(edge: GraphEdge, source: string, target: string, share: number | undefined): ViewEdge {
  return {
    id: `${source}>${target}>${edge.protocol}`,
    source,
    target,
    protocol: edge.protocol,
    golden: edge.golden,
    health: healthOf(edge.golden),
    security: edge.security.kind,
    share,
    marks: marksOf(edge),
    members: [edge],
  };
}

function marksOf(edge: GraphEdge): Mark[] {
  const marks: Mark[] = [];
  if (edge.overflowed > 0) marks.push('circuit-broken');
  if (edge.ejected > 0) marks.push('ejected');
  if (edge.faultInjected > 0) marks.push('fault');
  if (edge.denied > 0) marks.push('denied');
  if (edge.rateLimited > 0) marks.push('rate-limited');
  return marks;
}

function joinEdges(lines: readonly ViewEdge[]): ViewEdge[] {
  const byId = new Map<string, ViewEdge[]>();
  for (const edge of lines) byId.set(edge.id, [...(byId.get(edge.id) ?? []), edge]);
  const joined = [...byId.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [same.length === 1 ? first : join(first, same)];
  });
  return withShares(joined);
}

function join(first: ViewEdge, same: readonly ViewEdge[]): ViewEdge {
  const golden = addUp(same.map((edge) => edge.golden));
  return {
    ...first,
    golden,
    health: healthOf(golden),
    security: jointSecurity(same),
    share: jointShare(same),
    marks: [...new Set(same.flatMap(({ marks }) => marks))],
    members: same.flatMap(({ members }) => members),
  };
}

/** Of one service, what reached a workload and what did not go the same way in the end. */
function jointShare(same: readonly ViewEdge[]): number | undefined {
  const services = new Set(same.flatMap(({ members }) => members.map(({ service }) => service)));
  const share = same.reduce((sum, edge) => sum + (edge.share ?? 0), 0);
  return services.size > 1 || share === 0 || share > 0.999 ? undefined : share;
}

/** What got no further than the client's sidecar (a fault, an open circuit breaker) says nothing about the others. */
function jointSecurity(same: readonly ViewEdge[]): ViewEdge['security'] {
  const kinds = new Set(same.flatMap(({ security }) => (security === 'unknown' ? [] : [security])));
  const [kind = 'unknown'] = kinds;
  return kinds.size > 1 ? 'mixed' : kind;
}

/** A service's lines to its versions: what each gets of all that the service gets. */
function withShares(edges: readonly ViewEdge[]): ViewEdge[] {
  const totals = new Map<string, number>();
  for (const { source, golden } of edges)
    if (source.startsWith('service/')) totals.set(source, (totals.get(source) ?? 0) + golden.requestsPerSecond);
  return edges.map((edge) => {
    const total = totals.get(edge.source);
    return total === undefined || total === 0 ? edge : { ...edge, share: edge.golden.requestsPerSecond / total };
  });
}
