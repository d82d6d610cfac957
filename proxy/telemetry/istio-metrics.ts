import type { Registry } from 'prom-client';
import type { Clock } from '../../common/runtime/clock.js';
import type { EdgeReport, EdgeStats } from '../../common/runtime/edge-report.js';
import { formatFlags } from '../http/flags.js';
import { PLAINTEXT_PEER, type StreamInfo, type WorkloadInfo } from '../http/stream-info.js';
import { RequestWatch } from '../observe/request-watch.js';
import type { Edge, EdgeIdentity, Reporter, Series } from './edge.js';
import { EdgeTable } from './edge-table.js';
import type { GrpcMessages } from './grpc-messages.js';
import type { Histogram } from './histogram.js';
import { registerSource, type Sample } from './metric-source.js';

const UNKNOWN = 'unknown';

type Labels = Readonly<Record<string, string>>;

/** Istio's standard metrics (istio.io/docs/reference/config/metrics) of one proxy; one instance a process. */
export class IstioMetrics {
  /** Sees what ends, after it was counted. */
  readonly requests: RequestWatch = new RequestWatch();
  private readonly outbound: EdgeTable;
  private readonly inbound: EdgeTable;

  /** Calls under way: their messages count before they end. */
  private readonly calls = new Map<GrpcMessages, () => Edge>();

  constructor(local: WorkloadInfo) {
    this.outbound = new EdgeTable('source', local);
    this.inbound = new EdgeTable('destination', local);
  }

  /** The edge of a request or connection. `hostFallback` lets the Host name an outbound service that no cluster does. */
  edge(reporter: Reporter, info: StreamInfo, protocol: 'http' | 'grpc' | 'tcp', hostFallback: boolean): Edge {
    if (reporter === 'source') {
      return this.outbound.find(info, protocol, info.upstreamPeer, hostFallback ? info.authority : '');
    }
    return this.inbound.find(info, protocol, info.connection.peer, '');
  }

  /** A gRPC call begins; `edge` finds where it belongs by what is known of it then. */
  beginCall(messages: GrpcMessages, edge: () => Edge): void {
    this.calls.set(messages, edge);
  }

  endCall(messages: GrpcMessages): void {
    const edge = this.calls.get(messages);
    if (edge === undefined) return;
    this.calls.delete(messages);
    countMessages(messages, edge);
  }

  report(clock: Clock): EdgeReport {
    const edges: EdgeStats[] = [];
    for (const edge of this.edges()) edges.push(edge.report(edgeNames));
    return { time: clock.now(), monotonic: clock.monotonic(), pid: process.pid, edges };
  }

  register(registry: Registry): void {
    const counter = (name: string, help: string, collect: () => Iterable<Sample>): void =>
      registerSource(registry, { name, help, type: 'counter', collect });
    const histogram = (name: string, help: string, of: (series: Series) => Histogram): void =>
      registerSource(registry, {
        name,
        help,
        type: 'histogram',
        collect: () => this.http((series, labels) => of(series).samples(labels)),
      });

    counter('istio_requests_total', 'Requests handled by the proxy.', () => this.http(total));
    histogram(
      'istio_request_duration_milliseconds',
      'Duration of requests in milliseconds.',
      (series) => series.duration,
    );
    histogram('istio_request_bytes', 'Size of request bodies in bytes.', (series) => series.requestBytes);
    histogram('istio_response_bytes', 'Size of response bodies in bytes.', (series) => series.responseBytes);
    counter('istio_request_messages_total', 'gRPC messages sent by clients.', () =>
      this.messages((edge) => edge.requestMessages),
    );
    counter('istio_response_messages_total', 'gRPC messages sent by servers.', () =>
      this.messages((edge) => edge.responseMessages),
    );
    counter('istio_tcp_connections_opened_total', 'TCP connections opened.', () => this.tcp((edge) => edge.tcpOpened));
    counter('istio_tcp_connections_closed_total', 'TCP connections closed.', () => this.tcp((edge) => edge.tcpClosed));
    counter('istio_tcp_sent_bytes_total', 'Bytes sent in response on TCP connections.', () =>
      this.tcp((edge) => edge.tcpSent),
    );
    counter('istio_tcp_received_bytes_total', 'Bytes received in requests on TCP connections.', () =>
      this.tcp((edge) => edge.tcpReceived),
    );
  }

  *edges(): Iterable<Edge> {
    yield* this.outbound.all();
    yield* this.inbound.all();
  }

  private *http(samples: (series: Series, labels: Labels) => Iterable<Sample>): Iterable<Sample> {
    for (const edge of this.edges()) {
      if (edge.identity.protocol === 'tcp') continue;
      const common = labelsOf(edge.identity);
      for (const series of edge.series.values())
        yield* samples(series, { ...common, ...responseLabels(series, edge.identity) });
    }
  }

  private *messages(value: (edge: Edge) => number): Iterable<Sample> {
    for (const [messages, edge] of this.calls) countMessages(messages, edge);
    for (const edge of this.edges()) {
      if (edge.identity.protocol === 'grpc') yield { labels: labelsOf(edge.identity), value: value(edge) };
    }
  }

  private *tcp(value: (edge: Edge) => number): Iterable<Sample> {
    for (const edge of this.edges()) {
      if (edge.identity.protocol !== 'tcp') continue;
      yield { labels: { ...labelsOf(edge.identity), response_flags: '-' }, value: value(edge) };
    }
  }
}

function countMessages(messages: GrpcMessages, find: () => Edge): void {
  const { requests, responses } = messages.take();
  if (requests + responses === 0) return;
  const edge = find();
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
