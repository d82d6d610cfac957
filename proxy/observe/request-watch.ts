import type { Failure, FailureReport, TappedRequest } from '../../common/observe/failure.js';
import { isError } from '../../common/observe/golden.js';
import { formatFlags } from '../http/flags.js';
import type { StreamInfo, WorkloadInfo } from '../http/stream-info.js';
import type { Edge, EdgeIdentity } from '../telemetry/edge.js';

/** How many failed requests are kept. */
const KEPT = 100;
/** More failures than this in a second are counted and not kept: a storm must not cost more than the failures themselves. */
const KEPT_PER_SECOND = 50;
const LONGEST = { path: 256, name: 128, details: 256 };

/** Sees every request that ends. */
export interface Tap {
  offer(identity: EdgeIdentity, info: StreamInfo): void;
}

/** Remembers the last requests that failed, and shows ended ones to who looks. Costs a comparison where neither is the case. */
export class RequestWatch {
  private readonly ring: Failure[] = [];
  private next = 0;
  private total = 0;
  private second = -1;
  private inSecond = 0;
  private readonly taps = new Set<Tap>();

  /** A request or a TCP connection is over, and counted on its edge. */
  finished({ identity }: Edge, info: StreamInfo): void {
    if (info.flags !== 0 || info.responseCode >= 400 || info.responseCode === 0 || info.grpcStatus > 0)
      this.keep(identity, info);
    if (this.taps.size > 0) for (const tap of this.taps) tap.offer(identity, info);
  }

  /** Returns how to stop. */
  watch(tap: Tap): () => void {
    this.taps.add(tap);
    return () => this.taps.delete(tap);
  }

  /** Taps that look at the moment. */
  get watchers(): number {
    return this.taps.size;
  }

  report(): FailureReport {
    const newestFirst = [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)].reverse();
    return { total: this.total, failures: newestFirst };
  }

  private keep(identity: EdgeIdentity, info: StreamInfo): void {
    if (!hasFailed(identity, info)) return;
    this.total++;
    const second = Math.floor(info.end / 1000);
    if (second !== this.second) this.inSecond = 0;
    this.second = second;
    if (++this.inSecond > KEPT_PER_SECOND) return;
    this.ring[this.next] = describeFailure(identity, info);
    this.next = (this.next + 1) % KEPT;
  }
}

/** An error, whatever the mesh answered itself, and what it flagged; not what the application says about its clients (4xx). */
function hasFailed({ protocol }: EdgeIdentity, info: StreamInfo): boolean {
  const { responseCode: code, grpcStatus, responseCodeDetails: details } = info;
  const flags = formatFlags(info.flags);
  if (isError({ code, flags, origin: 'upstream', count: 1, ...(grpcStatus >= 0 && { grpcStatus }) }, protocol))
    return true;
  if (protocol === 'tcp') return false;
  return flags !== '-' || (code >= 400 && details !== 'via_upstream');
}

/** What is told of a request: who, where, how it ended; no headers, no body, no query. */
export function describeFailure(identity: EdgeIdentity, info: StreamInfo): Failure {
  const tcp = identity.protocol === 'tcp';
  return {
    time: Math.round(info.startEpoch + Math.max(0, info.end - info.start)),
    reporter: identity.reporter,
    protocol: identity.protocol,
    method: copy(info.method, LONGEST.name),
    authority: tcp ? '' : copy(info.authority, LONGEST.name),
    path: tcp ? '' : copy(withoutQuery(info.originalPath || info.path), LONGEST.path),
    status: info.responseCode,
    ...(info.grpcStatus >= 0 && { grpcStatus: info.grpcStatus }),
    flags: formatFlags(info.flags),
    details: copy(detailsOf(info), LONGEST.details),
    durationMs: Math.max(0, info.end - info.start),
    source: endOf(identity.source),
    destination: endOf(identity.destination),
    service: identity.service?.host ?? '',
    route: info.routeName,
    upstream: info.upstreamHost,
  };
}

export function describeRequest(identity: EdgeIdentity, info: StreamInfo): TappedRequest {
  return {
    ...describeFailure(identity, info),
    requestBytes: info.bytesReceived,
    responseBytes: info.bytesSent,
    mtls: identity.tls.mtls,
  };
}

function detailsOf({
  responseCodeDetails,
  connectionTerminationDetails,
  upstreamTransportFailureReason,
}: StreamInfo): string {
  return [responseCodeDetails, connectionTerminationDetails, upstreamTransportFailureReason]
    .filter((text) => text !== '')
    .join('; ');
}

function withoutQuery(path: string): string {
  return path.replace(/[?#].*$/s, '');
}

/** A copy: a slice would keep the whole head that it was cut from. */
function copy(text: string, longest: number): string {
  return Buffer.from(text.slice(0, longest), 'latin1').toString('latin1');
}

function endOf(workload: WorkloadInfo | undefined): Failure['source'] {
  return { workload: workload?.workload || 'unknown', namespace: workload?.namespace || 'unknown' };
}
