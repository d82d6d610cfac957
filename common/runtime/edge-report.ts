/**
 * What `GET /weft/edges` on a sidecar's admin port answers: cumulative counts of every edge of the service graph that
 * the sidecar has seen since it started. A client polls twice and takes {@link differenceOf} to get the rate, the
 * success and the percentiles of the time between.
 */
export interface EdgeReport {
  /** Wall clock of the report, ms since the epoch, and monotonic ms of the sidecar for exact rates. */
  readonly time: number;
  readonly monotonic: number;
  /** The process that counts; a change means that all counts began at zero again. */
  readonly pid: number;
  readonly edges: readonly EdgeStats[];
}

export interface EdgeStats {
  /** `source`: counted by the client's sidecar; `destination`: by the server's. */
  readonly reporter: 'source' | 'destination';
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly source: EdgeEnd;
  readonly destination: EdgeEnd & { readonly service: string };
  /** Whether the hop was mutual TLS, as this side saw it. */
  readonly mtls: boolean;
  readonly responses: readonly EdgeResponse[];
  /** Duration of requests, or of connections for tcp. */
  readonly latency: LatencyHistogram;
  readonly traffic?: EdgeTraffic;
}

export interface EdgeEnd {
  readonly workload: string;
  readonly namespace: string;
  /** `spiffe://…`, or `unknown`. */
  readonly principal: string;
  /** Istio's canonical name and revision; absent or `unknown` where nobody says. */
  readonly app?: string;
  readonly version?: string;
}

/** What was carried. Of HTTP the bytes of bodies; of TCP connections also the bytes of those that are still open. */
export interface EdgeTraffic {
  /** From the server to the client, and the other way. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** TCP connections; 0 for anything else. */
  readonly opened: number;
  readonly closed: number;
  /** At the moment of the report, in a difference too. */
  readonly open: number;
}

export const NO_TRAFFIC: EdgeTraffic = { sentBytes: 0, receivedBytes: 0, opened: 0, closed: 0, open: 0 };

export interface EdgeResponse {
  /** 0 when there was none: the client went away, or the protocol is tcp. */
  readonly code: number;
  /** `%RESPONSE_FLAGS%`; `-` is none. */
  readonly flags: string;
  readonly origin: ResponseOrigin;
  readonly count: number;
  /** Absent for anything but gRPC, and where a call ended without one. */
  readonly grpcStatus?: number;
}

/** Who answered: the other side (or nobody), a denying policy, or a configured direct response. */
export type ResponseOrigin = 'upstream' | 'rbac' | 'direct-response';

export interface LatencyHistogram {
  readonly count: number;
  readonly sumMs: number;
  /** Pairs of a bucket's index and its count; empty buckets are left out. */
  readonly buckets: readonly (readonly [index: number, count: number])[];
}

/** Buckets per doubling: the relative error of a percentile is at most 2^(1/16) - 1, about 4 %. */
const PER_OCTAVE = 16;
/** 2^26 µs, about 67 s, is the last bound; what is slower is in the last bucket. */
export const LATENCY_BUCKETS: number = 26 * PER_OCTAVE + 1;

/** The bucket of a duration; bucket i holds what is at most {@link latencyBoundMs}(i). */
export function latencyBucket(ms: number): number {
  if (!(ms > 0.001)) return 0;
  return Math.min(LATENCY_BUCKETS - 1, Math.ceil(Math.log2(ms * 1000) * PER_OCTAVE));
}

/** Upper bound of a bucket, ms. */
export function latencyBoundMs(index: number): number {
  return 2 ** (index / PER_OCTAVE) / 1000;
}

/** The duration that a share `q` in [0, 1] of the requests did not exceed, ms; undefined without requests. */
export function latencyPercentile(latency: LatencyHistogram, q: number): number | undefined {
  if (latency.count <= 0) return undefined;
  const rank = Math.max(1, Math.ceil(q * latency.count));
  let seen = 0;
  for (const [index, count] of [...latency.buckets].sort((a, b) => a[0] - b[0])) {
    seen += count;
    if (seen >= rank) return latencyBoundMs(index);
  }
  return undefined;
}

/** Identifies an edge across reports of one sidecar. */
export function edgeKey(edge: EdgeStats): string {
  const { source, destination } = edge;
  return JSON.stringify([edge.reporter, edge.protocol, source, destination, edge.mtls]);
}

/** What happened on an edge after an earlier report of the same process; all of it without one. */
export function differenceOf(edge: EdgeStats, earlier: EdgeStats | undefined): EdgeStats {
  // Fewer than before: the edge was dropped in between, and began anew.
  if (earlier === undefined || edge.latency.count < earlier.latency.count) return edge;
  const counted = new Map(earlier.responses.map((response) => [responseKey(response), response.count]));
  const buckets = new Map(earlier.latency.buckets);
  return {
    ...edge,
    responses: edge.responses
      .map((response) => ({ ...response, count: response.count - (counted.get(responseKey(response)) ?? 0) }))
      .filter((response) => response.count > 0),
    latency: {
      count: edge.latency.count - earlier.latency.count,
      sumMs: edge.latency.sumMs - earlier.latency.sumMs,
      buckets: edge.latency.buckets
        .map(([index, count]) => [index, count - (buckets.get(index) ?? 0)] as const)
        .filter(([, count]) => count > 0),
    },
    ...(edge.traffic !== undefined && { traffic: trafficSince(edge.traffic, earlier.traffic ?? NO_TRAFFIC) }),
  };
}

function trafficSince(now: EdgeTraffic, earlier: EdgeTraffic): EdgeTraffic {
  return {
    sentBytes: now.sentBytes - earlier.sentBytes,
    receivedBytes: now.receivedBytes - earlier.receivedBytes,
    opened: now.opened - earlier.opened,
    closed: now.closed - earlier.closed,
    open: now.open,
  };
}

/** Adds up histograms, for a row that joins several edges. */
export function mergeLatency(parts: readonly LatencyHistogram[]): LatencyHistogram {
  const buckets = new Map<number, number>();
  for (const part of parts)
    for (const [index, count] of part.buckets) buckets.set(index, (buckets.get(index) ?? 0) + count);
  return {
    count: parts.reduce((sum, part) => sum + part.count, 0),
    sumMs: parts.reduce((sum, part) => sum + part.sumMs, 0),
    buckets: [...buckets],
  };
}

function responseKey({ code, flags, origin, grpcStatus = -1 }: EdgeResponse): string {
  return `${code} ${flags} ${origin} ${grpcStatus}`;
}
