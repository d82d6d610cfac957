import type { EdgeCounts, EdgeCounts__Output } from '../../proto/gen/weft/observe/v1/EdgeCounts.js';
import type { EdgeDefinition, EdgeDefinition__Output } from '../../proto/gen/weft/observe/v1/EdgeDefinition.js';
import type { EdgeEnd__Output } from '../../proto/gen/weft/observe/v1/EdgeEnd.js';
import type { ResponseCount__Output } from '../../proto/gen/weft/observe/v1/ResponseCount.js';
import {
  type EdgeEnd,
  type EdgeResponse,
  type EdgeStats,
  LATENCY_BUCKETS,
  type LatencyHistogram,
  NO_TRAFFIC,
  type ResponseOrigin,
} from '../runtime/edge-report.js';

/** The stream from a sidecar to its control plane (proto/weft/observe). */
export const OBSERVE_METHOD = '/weft.observe.v1.Observation/Observe';
export const FROM_PROXY = 'type.googleapis.com/weft.observe.v1.FromProxy';
export const TO_PROXY = 'type.googleapis.com/weft.observe.v1.ToProxy';

/** The part of an edge that does not change. */
export type EdgeNames = Pick<EdgeStats, 'reporter' | 'protocol' | 'source' | 'destination' | 'mtls'>;

const UNKNOWN = 'unknown';
/** What a server believes of a name that came over the wire, in characters. */
const MAX_NAME = 512;
const FLAGS = /^(?:-|[A-Z]{2,5}(?:,[A-Z]{2,5}){0,31})$/;

export function encodeDefinition(
  id: number,
  { reporter, protocol, source, destination, mtls }: EdgeNames,
): EdgeDefinition {
  const { service, ...end } = destination;
  return { id, reporter, protocol, source, destination: end, service, mtls };
}

export function encodeCounts(edge: number, { responses, latency, traffic = NO_TRAFFIC }: EdgeStats): EdgeCounts {
  return {
    edge,
    responses: responses.map(({ code, flags, origin, count, grpcStatus = -1 }) => ({
      code,
      flags,
      origin,
      count,
      grpc_status: grpcStatus + 1,
    })),
    latency_sum_ms: latency.sumMs,
    latency_buckets: latency.buckets.flat(),
    sent_bytes: traffic.sentBytes,
    received_bytes: traffic.receivedBytes,
    opened: traffic.opened,
    closed: traffic.closed,
    open: traffic.open,
  };
}

/** The names as they came, cut to a sensible length. What is no known word counts as the first of its kind. */
export function decodeDefinition(definition: EdgeDefinition__Output): EdgeNames {
  const { reporter, protocol, service, mtls = false } = definition;
  return {
    reporter: reporter === 'destination' ? reporter : 'source',
    protocol: protocol === 'grpc' || protocol === 'tcp' ? protocol : 'http',
    source: decodeEnd(definition.source),
    destination: { ...decodeEnd(definition.destination), service: name(service) },
    mtls,
  };
}

export function decodeCounts(names: EdgeNames, counts: EdgeCounts__Output): EdgeStats {
  return {
    ...names,
    responses: (counts.responses ?? []).map(decodeResponse).filter(({ count }) => count > 0),
    latency: decodeLatency(counts),
    traffic: {
      sentBytes: counts.sent_bytes ?? 0,
      receivedBytes: counts.received_bytes ?? 0,
      opened: counts.opened ?? 0,
      closed: counts.closed ?? 0,
      open: counts.open ?? 0,
    },
  };
}

function decodeEnd(end: EdgeEnd__Output | null | undefined): EdgeEnd {
  return {
    workload: name(end?.workload),
    namespace: name(end?.namespace),
    principal: name(end?.principal),
    app: name(end?.app),
    version: name(end?.version),
  };
}

function name(text: string | undefined): string {
  return text === undefined || text === '' ? UNKNOWN : text.slice(0, MAX_NAME);
}

function decodeResponse({
  code = 0,
  flags = '',
  origin,
  count = 0,
  grpc_status = 0,
}: ResponseCount__Output): EdgeResponse {
  return {
    code,
    flags: FLAGS.test(flags) ? flags : '-',
    origin: originOf(origin),
    count,
    ...(grpc_status > 0 && { grpcStatus: grpc_status - 1 }),
  };
}

function originOf(text: string | undefined): ResponseOrigin {
  return text === 'rbac' || text === 'direct-response' ? text : 'upstream';
}

function decodeLatency({ latency_buckets = [], latency_sum_ms = 0 }: EdgeCounts__Output): LatencyHistogram {
  const buckets: [number, number][] = [];
  let total = 0;
  for (let at = 0; at + 1 < latency_buckets.length; at += 2) {
    const index = latency_buckets[at] ?? 0;
    const count = latency_buckets[at + 1] ?? 0;
    if (index >= LATENCY_BUCKETS || count === 0) continue;
    buckets.push([index, count]);
    total += count;
  }
  const sumMs = Number(latency_sum_ms);
  return { count: total, sumMs: Number.isFinite(sumMs) ? Math.max(0, sumMs) : 0, buckets };
}
