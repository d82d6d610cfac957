import { edgeId, OUTSIDE_ID, serviceId, workloadId } from '../../common/observe/ids.js';
import { type EdgeEnd, type EdgeStats, NO_TRAFFIC } from '../../common/runtime/edge-report.js';

/** One edge of the graph with what its two sides counted. */
export interface Hop {
  readonly id: string;
  /** Ids of nodes; `service` is empty without one. */
  readonly source: string;
  readonly destination: string;
  readonly service: string;
  readonly protocol: EdgeStats['protocol'];
  readonly reporter: EdgeStats['reporter'];
  /** What counts. */
  readonly stats: readonly EdgeStats[];
  /** What the server's sidecar says where the client's counts: it knows who was refused. */
  readonly server: readonly EdgeStats[];
}

const UNKNOWN = 'unknown';

/** A little more than the clients know of: samples of the two sides are not of the same moments. */
const TOLERANCE = 1.1;

/**
 * Joins what both sides of each hop counted. The client's sidecar knows best: retries, what never arrived, which service was meant. The
 * server's counts where the client has none that reports. On plaintext a server cannot tell who called: its anonymous requests are
 * those that clients say they sent in plaintext; only what is more comes from outside.
 */
export function joinHops(all: readonly EdgeStats[]): Hop[] {
  const bySource = grouped(all.filter(({ reporter }) => reporter === 'source'));
  const byServer = grouped(all.filter(({ reporter }) => reporter === 'destination'));
  const calls = new Set([...bySource.values()].map(callKey));
  const plaintext = plaintextCalls(bySource.values());
  const hops = [...bySource.values()].map((group) => hop(group, 'source', byServer.get(group.id)?.stats ?? []));
  for (const group of byServer.values()) {
    if (calls.has(callKey(group))) continue;
    const left = group.source === OUTSIDE_ID ? withoutKnown(group, plaintext) : group;
    if (left !== undefined) hops.push(hop(left, 'destination', []));
  }
  return hops;
}

interface Group extends Pick<Hop, 'id' | 'source' | 'destination' | 'service' | 'protocol' | 'stats'> {}

function hop(group: Group, reporter: Hop['reporter'], server: readonly EdgeStats[]): Hop {
  return { ...group, reporter, server };
}

function grouped(edges: readonly EdgeStats[]): Map<string, Group> {
  const groups = new Map<string, Group & { readonly stats: EdgeStats[] }>();
  for (const edge of edges) {
    const host = edge.destination.service;
    const service = host === UNKNOWN ? '' : serviceId(host);
    const source = nodeOf(edge.source) ?? OUTSIDE_ID;
    const destination = nodeOf(edge.destination) ?? (service === '' ? serviceId(UNKNOWN) : service);
    const id = edgeId(source, destination, host, edge.protocol);
    const group = groups.get(id);
    if (group !== undefined) group.stats.push(edge);
    else groups.set(id, { id, source, destination, service, protocol: edge.protocol, stats: [edge] });
  }
  return groups;
}

function nodeOf({ workload, namespace }: EdgeEnd): string | undefined {
  return workload === UNKNOWN ? undefined : workloadId(namespace, workload);
}

/** Two sides may know the same call by different names of its service, and as HTTP's CONNECT and as TCP. */
function callKey({ source, destination }: Group): string {
  return `${source}>${destination}`;
}

/** Requests, or connections of TCP. */
export function amountOf(stats: readonly EdgeStats[]): number {
  let sum = 0;
  for (const { protocol, responses, traffic = NO_TRAFFIC } of stats) {
    if (protocol === 'tcp') sum += traffic.opened;
    else for (const { count } of responses) sum += count;
  }
  return sum;
}

/** How much each destination was sent in plaintext by clients that report. */
function plaintextCalls(groups: Iterable<Group>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { destination, protocol, stats } of groups) {
    const key = `${destination}>${protocol}`;
    counts.set(key, (counts.get(key) ?? 0) + amountOf(stats.filter(({ mtls }) => !mtls)));
  }
  return counts;
}

function withoutKnown(group: Group, plaintext: ReadonlyMap<string, number>): Group | undefined {
  const known = plaintext.get(`${group.destination}>${group.protocol}`) ?? 0;
  const all = amountOf(group.stats);
  if (known === 0 || all === 0) return group;
  if (all <= known * TOLERANCE) return undefined;
  return { ...group, stats: group.stats.map((edge) => scaled(edge, (all - known) / all)) };
}

function scaled(edge: EdgeStats, factor: number): EdgeStats {
  const { latency, traffic = NO_TRAFFIC } = edge;
  const part = (value: number): number => Math.round(value * factor);
  return {
    ...edge,
    responses: edge.responses.map((response) => ({ ...response, count: part(response.count) })),
    latency: {
      count: part(latency.count),
      sumMs: latency.sumMs * factor,
      buckets: latency.buckets.map(([index, count]) => [index, part(count)]),
    },
    traffic: {
      sentBytes: part(traffic.sentBytes),
      receivedBytes: part(traffic.receivedBytes),
      opened: part(traffic.opened),
      closed: part(traffic.closed),
      open: part(traffic.open),
    },
  };
}
