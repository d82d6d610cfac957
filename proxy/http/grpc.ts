import type { ForwardAction } from '../router/route.js';
import type { HeaderList } from './headers.js';

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** Value of a `grpc-timeout` header, ms (gRPC over HTTP/2, Timeout); undefined when it is absent or wrong. */
export function grpcTimeoutMs(headers: HeaderList): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(headers.get('grpc-timeout') ?? '');
  const unit = UNITS[match?.[2] ?? ''];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

/** `grpc-status` of a head that ends the message, or of trailers; -1 when there is none. */
export function grpcStatusIn(headers: HeaderList): number {
  const value = headers.get('grpc-status');
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : -1;
}

/** How long a stream may take, ms, 0 for ever: what the client asks by `grpc-timeout` where the route heeds it, else the route's limit. */
export function streamLimitMs(action: ForwardAction, headers: HeaderList, fallback: number): number {
  const limit = action.maxStreamDurationMs ?? fallback;
  const most = action.grpcTimeoutHeaderMaxMs;
  if (most === undefined) return limit;
  const asked = grpcTimeoutMs(headers);
  if (asked === undefined) return limit;
  const granted = most > 0 ? Math.min(asked, most) : asked;
  const offset = action.grpcTimeoutHeaderOffsetMs ?? 0;
  // 0 would be no limit at all.
  return Math.max(1, granted > offset ? granted - offset : granted);
}

const HTTP_STATUS: ReadonlyMap<number, number> = new Map([
  [0, 200],
  [1, 499],
  [2, 500],
  [3, 400],
  [4, 504],
  [5, 404],
  [6, 409],
  [7, 403],
  [8, 429],
  [9, 400],
  [10, 409],
  [11, 400],
  [12, 501],
  [13, 500],
  [14, 503],
  [15, 500],
  [16, 401],
]);

/** The HTTP status that stands for a gRPC status, as outlier detection counts it. */
export function httpStatusOfGrpc(status: number): number {
  return HTTP_STATUS.get(status) ?? 500;
}
