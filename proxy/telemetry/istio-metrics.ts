import type { Registry } from 'prom-client';
import type { Clock } from '../../common/runtime/clock.js';
import type { EdgeReport, EdgeStats } from '../../common/runtime/edge-report.js';
import type { MetricName } from '../../common/telemetry/standard-metrics.js';
import { formatFlags } from '../http/flags.js';
import { PLAINTEXT_PEER, type WorkloadInfo } from '../http/stream-info.js';
import { RequestWatch } from '../observe/request-watch.js';
import type { Edge, EdgeIdentity, Reporter, Series } from './edge.js';
import { EdgeLimit } from './edge-table.js';
import { ShapedEdges } from './edge-tables.js';
import type { GrpcMessages } from './grpc-messages.js';
import type { Histogram } from './histogram.js';
import { registerSource, type Sample } from './metric-source.js';
import type { MetricsShape } from './metrics-shape.js';
import { type Read, registerLimits, samplesOf, summed } from './shaped-samples.js';

const UNKNOWN = 'unknown';

type Labels = Readonly<Record<string, string>>;

/** Edges of each direction; one takes 5 kB, and 54 kB of every scrape. */
const MAX_EDGES = 2000;
const SWEEP_EVERY_MS = 5000;

export interface MetricsOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** How long an edge may be idle before its series are dropped; Infinity keeps them. */
  readonly evictionMs: number;
}

/** Istio's standard metrics (istio.io/docs/reference/config/metrics) of one proxy; one instance a process. */
export class IstioMetrics {
  /** Sees what ends, after it was counted. */
  readonly requests: RequestWatch = new RequestWatch();
  private readonly limits: Readonly<Record<Reporter, EdgeLimit>>;
  /** By direction and shape. */
  private readonly kinds = new Map<string, ShapedEdges>();
  /** Which kind each user, a filter of a listener, counts in at the moment. */
  private readonly users = new Map<string, ShapedEdges>();
  private swept = Number.NEGATIVE_INFINITY;

  /** Calls under way: their messages count before they end. */
  private readonly calls: GrpcMessages[] = [];

  constructor(
    private readonly local: WorkloadInfo,
    private readonly options: MetricsOptions,
  ) {
    const limit = (reporter: Reporter): EdgeLimit =>
      new EdgeLimit(
        MAX_EDGES,
        () => options.clock.monotonic(),
        (idleMs) => this.sweep(idleMs, reporter),
      );
    this.limits = { source: limit('source'), destination: limit('destination') };
  }

  /** Where requests of one direction are counted whose metrics have this shape. A user's kind replaces the one it had. */
  counting(reporter: Reporter, shape: MetricsShape | undefined, user: string): ShapedEdges {
    const key = `${reporter} ${shape?.key ?? ''}`;
    let kind = this.kinds.get(key);
    if (kind === undefined) {
      kind = new ShapedEdges(reporter, shape, this.local, this.limits[reporter]);
      this.kinds.set(key, kind);
    }
    this.users.set(`${reporter} ${user}`, kind);
    return kind;
  }

  /** A gRPC call begins. */
  beginCall(messages: GrpcMessages): void {
    messages.place = this.calls.push(messages) - 1;
  }

  endCall(messages: GrpcMessages): void {
    const { calls } = this;
    const last = calls.pop();
    if (last !== undefined && last !== messages) {
      calls[messages.place] = last;
      last.place = messages.place;
    }
    countMessages(messages);
  }

  report(clock: Clock): EdgeReport {
    const edges: EdgeStats[] = [];
    for (const edge of this.edges()) edges.push(edge.report(edgeNames));
    return { time: clock.now(), monotonic: clock.monotonic(), pid: process.pid, edges };
  }

  register(registry: Registry): void {
    const counter = (name: MetricName, help: string, read: Read): void =>
      registerSource(registry, {
        name: `istio_${name}`,
        help,
        type: 'counter',
        collect: () => this.collect(name, read),
      });
    const histogram = (name: MetricName, help: string, of: (series: Series) => Histogram): void =>
      registerSource(registry, {
        name: `istio_${name}`,
        help,
        type: 'histogram',
        collect: () =>
          this.collect(
            name,
            http((series, labels) => of(series).samples(labels)),
          ),
      });

    counter('requests_total', 'Requests handled by the proxy.', http(total));
    histogram('request_duration_milliseconds', 'Duration of requests in milliseconds.', (series) => series.duration);
    histogram('request_bytes', 'Size of request bodies in bytes.', (series) => series.requestBytes);
    histogram('response_bytes', 'Size of response bodies in bytes.', (series) => series.responseBytes);
    counter(
      'request_messages_total',
      'gRPC messages sent by clients.',
      messages((edge) => edge.requestMessages),
    );
    counter(
      'response_messages_total',
      'gRPC messages sent by servers.',
      messages((edge) => edge.responseMessages),
    );
    counter(
      'tcp_connections_opened_total',
      'TCP connections opened.',
      tcp((edge) => edge.tcpOpened),
    );
    counter(
      'tcp_connections_closed_total',
      'TCP connections closed.',
      tcp((edge) => edge.tcpClosed),
    );
    counter(
      'tcp_sent_bytes_total',
      'Bytes sent in response on TCP connections.',
      tcp((edge) => edge.tcpSent),
    );
    counter(
      'tcp_received_bytes_total',
      'Bytes received in requests on TCP connections.',
      tcp((edge) => edge.tcpReceived),
    );
    registerLimits(registry, this.limits);
  }

  *edges(): Iterable<Edge> {
    this.sweepNowAndThen();
    for (const kind of this.kinds.values()) for (const table of kind.all()) yield* table.all();
  }

  /** The samples of one metric, in the shape of those who count. */
  private collect(name: MetricName, read: Read): Iterable<Sample> {
    this.sweepNowAndThen();
    if (name.endsWith('messages_total')) this.calls.forEach(countMessages);
    const inForce = new Set(this.users.values());
    // Nobody is using it yet, or nothing is changed: there is nothing to merge.
    const shaped = [...inForce].some(({ shape }) => shape !== undefined);
    const samples = samplesOf(name, [...inForce], read);
    return shaped ? summed(samples) : samples;
  }

  private sweepNowAndThen(): void {
    const now = this.options.clock.monotonic();
    if (now - this.swept < SWEEP_EVERY_MS) return;
    this.swept = now;
    this.sweep(this.options.evictionMs);
  }

  private sweep(idleMs: number, reporter?: Reporter): void {
    const now = this.options.clock.monotonic();
    for (const kind of this.kinds.values()) {
      if (reporter === undefined || kind.reporter === reporter) kind.sweep(now, idleMs);
    }
  }
}

const http = (samples: (series: Series, labels: Labels) => Iterable<Sample>): Read =>
  function* (edge, tags) {
    if (edge.identity.protocol === 'tcp') return;
    const common = labelsOf(edge.identity);
    for (const series of edge.series.values()) {
      yield* samples(series, tags({ ...common, ...responseLabels(series, edge.identity) }));
    }
  };

const messages = (value: (edge: Edge) => number): Read =>
  function* (edge, tags) {
    if (edge.identity.protocol === 'grpc') yield { labels: tags(labelsOf(edge.identity)), value: value(edge) };
  };

const tcp = (value: (edge: Edge) => number): Read =>
  function* (edge, tags) {
    if (edge.identity.protocol !== 'tcp') return;
    yield { labels: tags({ ...labelsOf(edge.identity), response_flags: '-' }), value: value(edge) };
  };

function countMessages(messages: GrpcMessages): void {
  const { requests, responses } = messages.take();
  if (requests + responses === 0) return;
  const edge = messages.edge();
  edge.requestMessages += requests;
  edge.responseMessages += responses;
}

function* total(series: Series, labels: Labels): Iterable<Sample> {
  yield { labels, value: series.total };
}

function responseLabels(series: Series, identity: EdgeIdentity): Labels {
  return {
    response_code: String(series.code),
    // Plain HTTP has no gRPC status; an empty label is an absent one.
    ...(identity.protocol === 'grpc' && {
      grpc_response_status: series.grpcStatus < 0 ? '' : String(series.grpcStatus),
    }),
    response_flags: formatFlags(series.flags),
  };
}

function labelsOf(identity: EdgeIdentity): Labels {
  const { source, destination } = identity;
  const { sourcePrincipal, destinationPrincipal } = principals(identity);
  return {
    reporter: identity.reporter,
    source_workload: source?.workload || UNKNOWN,
    source_workload_namespace: source?.namespace || UNKNOWN,
    source_principal: sourcePrincipal,
    source_app: source?.app || UNKNOWN,
    source_version: source?.version || UNKNOWN,
    source_cluster: source?.cluster || UNKNOWN,
    source_canonical_service: source?.canonicalService || UNKNOWN,
    source_canonical_revision: source?.canonicalRevision || (source === undefined ? UNKNOWN : 'latest'),
    destination_workload: destination?.workload || UNKNOWN,
    destination_workload_namespace: destination?.namespace || UNKNOWN,
    destination_principal: destinationPrincipal,
    destination_app: destination?.app || UNKNOWN,
    destination_version: destination?.version || UNKNOWN,
    destination_cluster: destination?.cluster || UNKNOWN,
    destination_service: identity.service?.host || UNKNOWN,
    destination_service_name: identity.service?.name || UNKNOWN,
    destination_service_namespace: identity.service?.namespace || destination?.namespace || UNKNOWN,
    destination_canonical_service: destination?.canonicalService || UNKNOWN,
    destination_canonical_revision: destination?.canonicalRevision || (destination === undefined ? UNKNOWN : 'latest'),
    request_protocol: identity.protocol,
    connection_security_policy: securityPolicy(identity),
  };
}

/** Only the server knows whether a client was made to authenticate; a client reports `unknown`, as in Istio. */
function securityPolicy(identity: EdgeIdentity): string {
  if (identity.reporter === 'source') return UNKNOWN;
  return identity.tls.mtls ? 'mutual_tls' : 'none';
}

function principals({ reporter, tls }: EdgeIdentity): { sourcePrincipal: string; destinationPrincipal: string } {
  const known = tls === PLAINTEXT_PEER || !tls.mtls ? undefined : tls;
  const peer = known?.uriSan || UNKNOWN;
  const own = known?.localUriSan || UNKNOWN;
  return reporter === 'source'
    ? { sourcePrincipal: own, destinationPrincipal: peer }
    : { sourcePrincipal: peer, destinationPrincipal: own };
}

/** The two ends of an edge as reports name them. */
export function edgeNames(identity: EdgeIdentity): Pick<EdgeStats, 'source' | 'destination'> {
  const { sourcePrincipal, destinationPrincipal } = principals(identity);
  const end = (workload: WorkloadInfo | undefined, principal: string) => ({
    workload: workload?.workload || UNKNOWN,
    namespace: workload?.namespace || UNKNOWN,
    principal,
    app: workload?.canonicalService || UNKNOWN,
    version: workload?.canonicalRevision || UNKNOWN,
  });
  return {
    source: end(identity.source, sourcePrincipal),
    destination: { ...end(identity.destination, destinationPrincipal), service: identity.service?.host || UNKNOWN },
  };
}
