import {
  type EdgeResponse,
  type EdgeStats,
  latencyPercentile,
  mergeLatency,
  NO_TRAFFIC,
} from '../runtime/edge-report.js';
import type { EdgeProtocol, Golden } from './graph.js';

/** gRPC's statuses that are the server's fault, as OpenTelemetry counts them: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const GRPC_ERRORS: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);
/** The client went away: nobody's error. */
const CLIENT_LEFT: ReadonlySet<string> = new Set(['-', 'DC', 'DT']);

/** Whether a response counts as an error of the server or of the mesh; a client's own (4xx) does not. */
export function isError({ code, flags, grpcStatus }: EdgeResponse, protocol: EdgeProtocol): boolean {
  if (protocol === 'tcp') return !CLIENT_LEFT.has(flags);
  if (grpcStatus !== undefined && GRPC_ERRORS.has(grpcStatus)) return true;
  return code === 0 ? flags !== 'DC' : code >= 500;
}

/** The golden signals of edges together, over a window. */
export function goldenOf(edges: readonly EdgeStats[], windowMs: number): Golden {
  const seconds = Math.max(0.001, windowMs / 1000);
  let [requests, errors, ended] = [0, 0, 0];
  const traffic = { ...NO_TRAFFIC };
  for (const edge of edges) {
    const { protocol, responses, traffic: moved = NO_TRAFFIC } = edge;
    for (const response of responses) {
      ended += response.count;
      if (protocol !== 'tcp') requests += response.count;
      if (isError(response, protocol)) errors += response.count;
    }
    traffic.sentBytes += moved.sentBytes;
    traffic.receivedBytes += moved.receivedBytes;
    traffic.opened += moved.opened;
    traffic.closed += moved.closed;
    traffic.open += moved.open;
  }
  return {
    requests,
    errors,
    requestsPerSecond: requests / seconds,
    errorShare: ended === 0 ? 0 : errors / ended,
    ...percentiles(edges),
    receivedBytesPerSecond: traffic.receivedBytes / seconds,
    sentBytesPerSecond: traffic.sentBytes / seconds,
    connectionsOpened: traffic.opened,
    connectionsClosed: traffic.closed,
    connectionsOpen: traffic.open,
  };
}

/** Requests say more than connections: of both, only requests count. */
function percentiles(edges: readonly EdgeStats[]): Pick<Golden, 'p50Ms' | 'p95Ms' | 'p99Ms'> {
  const http = edges.filter(({ protocol }) => protocol !== 'tcp');
  const latency = mergeLatency((http.length > 0 ? http : edges).map((edge) => edge.latency));
  const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((q) => latencyPercentile(latency, q));
  return {
    ...(p50Ms !== undefined && { p50Ms }),
    ...(p95Ms !== undefined && { p95Ms }),
    ...(p99Ms !== undefined && { p99Ms }),
  };
}
