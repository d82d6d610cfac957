import type { Clock } from '../../common/runtime/clock.js';
import {
  type EdgeEnd,
  type EdgeResponse,
  type EdgeStats,
  type EdgeTraffic,
  edgeKey,
  LATENCY_BUCKETS,
  latencyBoundMs,
  latencyBucket,
  NO_TRAFFIC,
} from '../../common/runtime/edge-report.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { EdgeHistory, Told, Window } from './history.js';

/** Series of one query: labels, and a value for each step. */
interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: ReadonlyMap<number, number>;
}

/** Asks a Prometheus; `path` with its query. Rejects when it does not answer 200. */
export type PrometheusFetch = (url: string, body: URLSearchParams) => Promise<unknown>;

/** Prometheus scrapes every 15 s or every minute: an increase needs two scrapes. */
const SHORTEST_MS = 60_000;
const KEPT_MS = 7 * 86_400_000;
const ENDS = ['source', 'destination'].flatMap((end) => [
  `${end}_workload`,
  `${end}_workload_namespace`,
  `${end}_principal`,
  `${end}_canonical_service`,
  `${end}_canonical_revision`,
]);
const EDGE = ['reporter', ...ENDS, 'destination_service', 'request_protocol', 'connection_security_policy'];
const RESPONSE = ['response_code', 'response_flags', 'grpc_response_status'];

const METRICS = {
  requests: { name: 'istio_requests_total', by: [...EDGE, ...RESPONSE] },
  latency: { name: 'istio_request_duration_milliseconds_bucket', by: [...EDGE, 'le'] },
  received: { name: 'istio_request_bytes_sum', by: EDGE },
  sent: { name: 'istio_response_bytes_sum', by: EDGE },
  opened: { name: 'istio_tcp_connections_opened_total', by: EDGE },
  closed: { name: 'istio_tcp_connections_closed_total', by: [...EDGE, 'response_flags'] },
  tcpSent: { name: 'istio_tcp_sent_bytes_total', by: EDGE },
  tcpReceived: { name: 'istio_tcp_received_bytes_total', by: EDGE },
} as const;

type Metric = keyof typeof METRICS;

/**
 * The same history from a Prometheus that scrapes the sidecars, by Istio's standard metrics. It goes back as far as that Prometheus
 * does, and tells less: not who was refused by a policy, nor how many connections are open.
 */
export class PrometheusHistory implements EdgeHistory {
  readonly source = 'prometheus';

  constructor(
    private readonly url: string,
    private readonly clock: Clock,
    private readonly fetchJson: PrometheusFetch = postForm,
  ) {}

  oldest(): number {
    return this.clock.now() - KEPT_MS;
  }

  latest(): number {
    return this.clock.now();
  }

  stepOf(): number {
    return SHORTEST_MS;
  }

  async sums(window: Window): Promise<Told<readonly EdgeStats[]>> {
    const length = window.to - window.from;
    const { value, notes } = await this.steps(
      { from: window.to - Math.max(SHORTEST_MS, length), to: window.to },
      Math.max(SHORTEST_MS, length),
    );
    const scale = Math.min(1, length / SHORTEST_MS);
    return { value: (value[0] ?? []).map((edge) => (scale === 1 ? edge : scaled(edge, scale))), notes };
  }

  async steps({ from, to }: Window, stepMs: number): Promise<Told<readonly (readonly EdgeStats[])[]>> {
    const count = Math.max(1, Math.round((to - from) / stepMs));
    const ends = Array.from({ length: count }, (_, index) => Math.round((from + (index + 1) * stepMs) / 1000));
    try {
      const names = Object.keys(METRICS) as Metric[];
      const all = await Promise.all(names.map((name) => this.query(METRICS[name], ends, stepMs)));
      const found = Object.fromEntries(names.map((name, index) => [name, all[index] ?? []])) as Record<
        Metric,
        Series[]
      >;
      return { value: ends.map((end) => edgesAt(found, end)), notes: [] };
    } catch (error) {
      return { value: ends.map(() => []), notes: [`Prometheus at ${this.url} does not answer: ${messageOf(error)}`] };
    }
  }

  /** Increases over each step, in seconds since the epoch of the step's end. */
  private async query(
    metric: { readonly name: string; readonly by: readonly string[] },
    ends: readonly number[],
    stepMs: number,
  ): Promise<Series[]> {
    const seconds = Math.round(stepMs / 1000);
    const [start = 0] = ends;
    const body = new URLSearchParams({
      query: `sum by (${metric.by.join(',')}) (increase(${metric.name}[${seconds}s])) > 0`,
      start: String(start),
      end: String(ends.at(-1) ?? start),
      step: String(seconds),
    });
    return readMatrix(await this.fetchJson(`${this.url.replace(/\/$/, '')}/api/v1/query_range`, body));
  }
}

async function postForm(url: string, body: URLSearchParams): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`it answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
  return response.json();
}

/** What `/api/v1/query_range` answers; anything else throws. */
function readMatrix(answer: unknown): Series[] {
  const { status, error, data } = answer as {
    readonly status?: string;
    readonly error?: string;
    readonly data?: { readonly result?: readonly { metric?: Record<string, string>; values?: [number, string][] }[] };
  };
  if (status !== 'success') throw new Error(error ?? 'its answer is not one of Prometheus');
  return (data?.result ?? []).map(({ metric = {}, values = [] }) => ({
    metric,
    values: new Map(values.map(([time, value]) => [Math.round(time), Number(value)])),
  }));
}

interface Building extends Pick<EdgeStats, 'reporter' | 'protocol' | 'source' | 'destination' | 'mtls'> {
  readonly responses: EdgeResponse[];
  /** Cumulative counts by upper bound, ms. */
  readonly bounds: Map<number, number>;
  traffic: EdgeTraffic;
}

function edgesAt(found: Readonly<Record<Metric, readonly Series[]>>, end: number): EdgeStats[] {
  const edges = new Map<string, Building>();
  const each = (metric: Metric, take: (edge: Building, value: number, labels: Series['metric']) => void): void => {
    for (const { metric: labels, values } of found[metric]) {
      const value = values.get(end);
      if (value !== undefined && value > 0) take(edgeOf(edges, labels), value, labels);
    }
  };
  const moved = (field: keyof EdgeTraffic) => (edge: Building, value: number) => {
    edge.traffic = { ...edge.traffic, [field]: edge.traffic[field] + Math.round(value) };
  };
  each('requests', (edge, value, labels) => edge.responses.push(responseOf(labels, value)));
  each('latency', (edge, value, { le = '' }) => {
    const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
    edge.bounds.set(bound, (edge.bounds.get(bound) ?? 0) + value);
  });
  each('closed', (edge, value, labels) => {
    moved('closed')(edge, value);
    edge.responses.push(responseOf(labels, value));
  });
  for (const [metric, field] of [
    ['received', 'receivedBytes'],
    ['sent', 'sentBytes'],
    ['tcpReceived', 'receivedBytes'],
    ['tcpSent', 'sentBytes'],
    ['opened', 'opened'],
  ] as const)
    each(metric, moved(field));
  return [...edges.values()].map(({ bounds, ...edge }) => ({ ...edge, latency: latencyOf(bounds) }));
}

function edgeOf(edges: Map<string, Building>, labels: Series['metric']): Building {
  const protocol = labels['request_protocol'];
  const names: Pick<Building, 'reporter' | 'protocol' | 'source' | 'destination' | 'mtls'> = {
    reporter: labels['reporter'] === 'destination' ? 'destination' : 'source',
    protocol: protocol === 'grpc' || protocol === 'tcp' ? protocol : 'http',
    source: endOf(labels, 'source'),
    destination: { ...endOf(labels, 'destination'), service: labels['destination_service'] || 'unknown' },
    mtls: isMtls(labels),
  };
  const key = edgeKey({ ...names, responses: [], latency: { count: 0, sumMs: 0, buckets: [] } });
  let edge = edges.get(key);
  if (edge === undefined) {
    edge = { ...names, responses: [], bounds: new Map(), traffic: NO_TRAFFIC };
    edges.set(key, edge);
  }
  return edge;
}

function endOf(labels: Series['metric'], end: 'source' | 'destination'): EdgeEnd {
  const label = (name: string): string => labels[`${end}_${name}`] || 'unknown';
  return {
    workload: label('workload'),
    namespace: label('workload_namespace'),
    principal: label('principal'),
    app: label('canonical_service'),
    version: label('canonical_revision'),
  };
}

/** A client reports no policy: that both ends have proved who they are tells the same. */
function isMtls(labels: Series['metric']): boolean {
  if (labels['connection_security_policy'] === 'mutual_tls') return true;
  return ['source_principal', 'destination_principal'].every((name) => labels[name]?.startsWith('spiffe://') === true);
}

function responseOf(labels: Series['metric'], value: number): EdgeResponse {
  const grpc = labels['grpc_response_status'];
  return {
    code: Number(labels['response_code'] ?? 0) || 0,
    flags: labels['response_flags'] || '-',
    origin: 'upstream',
    count: Math.round(value),
    ...(grpc !== undefined && grpc !== '' && { grpcStatus: Number(grpc) }),
  };
}

/** Spreads each of Prometheus' wide buckets evenly over our narrow ones, as histogram_quantile() does. */
function latencyOf(bounds: ReadonlyMap<number, number>): EdgeStats['latency'] {
  const buckets = new Map<number, number>();
  let [below, lower, count] = [0, 0, 0];
  for (const [bound, cumulative] of [...bounds].sort((a, b) => a[0] - b[0])) {
    const inside = Math.max(0, cumulative - below);
    const upper = Number.isFinite(bound) ? bound : lower;
    const [first, last] = [latencyBucket(lower), Math.min(LATENCY_BUCKETS - 1, latencyBucket(upper))];
    const width = upper - lower;
    for (let index = first; index <= last; index++) {
      const from = Math.max(lower, index === 0 ? 0 : latencyBoundMs(index - 1));
      const to = index === last ? upper : Math.min(upper, latencyBoundMs(index));
      const part = width <= 0 ? (index === last ? inside : 0) : (inside * Math.max(0, to - from)) / width;
      if (part > 0) buckets.set(index, (buckets.get(index) ?? 0) + part);
    }
    count += inside;
    below = Math.max(below, cumulative);
    lower = upper;
  }
  return { count, sumMs: 0, buckets: [...buckets] };
}

function scaled(edge: EdgeStats, factor: number): EdgeStats {
  const { traffic = NO_TRAFFIC } = edge;
  const part = (value: number): number => Math.round(value * factor);
  return {
    ...edge,
    responses: edge.responses.map((response) => ({ ...response, count: part(response.count) })),
    traffic: {
      sentBytes: part(traffic.sentBytes),
      receivedBytes: part(traffic.receivedBytes),
      opened: part(traffic.opened),
      closed: part(traffic.closed),
      open: traffic.open,
    },
  };
}
