import {
  type EdgeResponse,
  type EdgeStats,
  type EdgeTraffic,
  LATENCY_BUCKETS,
  latencyBucket,
  NO_TRAFFIC,
  type ResponseOrigin,
} from '../../common/runtime/edge-report.js';
import { formatFlags } from '../http/flags.js';
import type { PeerInfo, ServiceInfo, StreamInfo, WorkloadInfo } from '../http/stream-info.js';
import { Histogram } from './histogram.js';

export type Reporter = 'source' | 'destination';
export type Protocol = 'http' | 'grpc' | 'tcp';

/** What tells one edge from another. */
export interface EdgeIdentity {
  readonly reporter: Reporter;
  readonly protocol: Protocol;
  readonly source: WorkloadInfo | undefined;
  readonly destination: WorkloadInfo | undefined;
  readonly service: ServiceInfo | undefined;
  /** The connection between the two sidecars, as this side sees it. */
  readonly tls: PeerInfo;
}

/** Responses of one edge that have code, flags and gRPC status in common. */
export class Series {
  /** By {@link ResponseOrigin}. */
  upstream = 0;
  rbac = 0;
  direct = 0;
  readonly duration = new Histogram();
  readonly requestBytes = new Histogram();
  readonly responseBytes = new Histogram();

  constructor(
    readonly code: number,
    readonly flags: number,
    /** -1 is none. */
    readonly grpcStatus: number,
  ) {}

  get total(): number {
    return this.upstream + this.rbac + this.direct;
  }

  record(info: StreamInfo): void {
    if (info.responseCodeDetails === 'direct_response') this.direct++;
    else if (info.responseCodeDetails.startsWith('rbac_access_denied')) this.rbac++;
    else this.upstream++;
    this.duration.record(Math.max(0, info.end - info.start));
    this.requestBytes.record(info.bytesReceived);
    this.responseBytes.record(info.bytesSent);
  }
}

/** More combinations of code, flags and gRPC status than this on one edge are counted as one, with code 0. */
const MAX_SERIES = 256;

/** One edge of the service graph with all that is counted on it. */
export class Edge {
  readonly series = new Map<number, Series>();
  /** Messages of gRPC calls. */
  requestMessages = 0;
  responseMessages = 0;
  tcpOpened = 0;
  tcpClosed = 0;
  private closedSent = 0;
  private closedReceived = 0;
  /** Connections that live for days count before they end. */
  private readonly openConnections = new Set<StreamInfo>();
  private readonly latency = new Uint32Array(LATENCY_BUCKETS);
  private latencyCount = 0;
  /** What {@link activity} was when somebody looked last for what is idle, and since when it is that; ms. */
  private seen = -1;
  private idleSince = 0;
  private latencySum = 0;

  constructor(
    readonly identity: EdgeIdentity,
    /** It stands for all for whom there is no room. */
    readonly overflow = false,
  ) {}

  recordRequest(info: StreamInfo): void {
    // One number instead of a text: flags, 10 bits of code, 5 bits of gRPC status plus one.
    const status = info.responseCode < 1024 ? info.responseCode : 0;
    const key = info.flags * 32768 + status * 32 + ((info.grpcStatus + 1) & 31);
    const series = this.series.get(key) ?? this.add(key, info);
    series.record(info);
    this.recordLatency(info.end - info.start);
  }

  recordOpen(info: StreamInfo): void {
    this.tcpOpened++;
    this.openConnections.add(info);
  }

  recordClose(info: StreamInfo): void {
    // A connection that reached nobody was opened all the same.
    if (!this.openConnections.delete(info)) this.tcpOpened++;
    this.tcpClosed++;
    this.closedReceived += info.bytesReceived;
    this.closedSent += info.bytesSent;
    const key = info.flags * 32768;
    const series = this.series.get(key) ?? this.add(key, info);
    series.upstream++;
    this.recordLatency(info.end - info.start);
  }

  get tcpSent(): number {
    let sum = this.closedSent;
    for (const { bytesSent } of this.openConnections) sum += bytesSent;
    return sum;
  }

  get tcpReceived(): number {
    let sum = this.closedReceived;
    for (const { bytesReceived } of this.openConnections) sum += bytesReceived;
    return sum;
  }

  /** Changes whenever something is counted. */
  get activity(): number {
    let sum = this.latencyCount + this.tcpOpened + this.tcpClosed;
    for (const { bytesSent, bytesReceived } of this.openConnections) sum += bytesSent + bytesReceived;
    return sum + this.closedSent + this.closedReceived + this.requestMessages + this.responseMessages;
  }

  /** How long nothing has happened here, as far as those know who ask now and then; ms. */
  idleFor(now: number): number {
    const { activity } = this;
    if (activity !== this.seen || this.openConnections.size > 0) {
      this.seen = activity;
      this.idleSince = now;
    }
    return now - this.idleSince;
  }

  report(names: (identity: EdgeIdentity) => Pick<EdgeStats, 'source' | 'destination'>): EdgeStats {
    const buckets: [number, number][] = [];
    for (const [index, count] of this.latency.entries()) if (count > 0) buckets.push([index, count]);
    return {
      reporter: this.identity.reporter,
      protocol: this.identity.protocol,
      ...names(this.identity),
      mtls: this.identity.tls.mtls,
      responses: [...this.series.values()].flatMap(responses),
      latency: { count: this.latencyCount, sumMs: this.latencySum, buckets },
      traffic: this.traffic(),
    };
  }

  private traffic(): EdgeTraffic {
    if (this.identity.protocol === 'tcp') {
      const { tcpSent, tcpReceived, tcpOpened: opened, tcpClosed: closed } = this;
      return { sentBytes: tcpSent, receivedBytes: tcpReceived, opened, closed, open: this.openConnections.size };
    }
    let [sentBytes, receivedBytes] = [0, 0];
    for (const { requestBytes, responseBytes } of this.series.values()) {
      receivedBytes += requestBytes.sum;
      sentBytes += responseBytes.sum;
    }
    return { ...NO_TRAFFIC, sentBytes, receivedBytes };
  }

  private recordLatency(ms: number): void {
    const bucket = latencyBucket(ms);
    this.latency[bucket] = (this.latency[bucket] ?? 0) + 1;
    this.latencyCount++;
    this.latencySum += Math.max(0, ms);
  }

  private add(key: number, info: StreamInfo): Series {
    const full = this.series.size >= MAX_SERIES;
    const at = full ? -1 : key;
    let series = this.series.get(at);
    if (series === undefined) {
      series = full ? new Series(0, 0, -1) : new Series(info.responseCode, info.flags, info.grpcStatus);
      this.series.set(at, series);
    }
    return series;
  }
}

function responses(series: Series): EdgeResponse[] {
  const flags = formatFlags(series.flags);
  const counts: [ResponseOrigin, number][] = [
    ['upstream', series.upstream],
    ['rbac', series.rbac],
    ['direct-response', series.direct],
  ];
  return counts
    .filter(([, count]) => count > 0)
    .map(([origin, count]) => ({
      code: series.code,
      flags,
      origin,
      count,
      ...(series.grpcStatus >= 0 && { grpcStatus: series.grpcStatus }),
    }));
}
