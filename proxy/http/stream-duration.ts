import type { ForwardAction } from '../router/route.js';
import type { RequestHead } from './message.js';

/** Milliseconds of a unit of `grpc-timeout` (gRPC over HTTP/2 protocol). */
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
const MAX_DIGITS = 99_999_999;

/**
 * How long a stream may last by its route, ms; 0 is unlimited, undefined leaves the connection manager's limit. Where
 * the route follows `grpc-timeout`, that field is given the time that is really left to upstream
 * (RouteAction.MaxStreamDuration).
 */
export function routeStreamDuration(action: ForwardAction, request: RequestHead): number | undefined {
  const { grpcTimeoutHeaderMaxMs: max, grpcTimeoutHeaderOffsetMs: offset = 0 } = action;
  const asked = max === undefined ? undefined : grpcTimeout(request);
  if (max === undefined || asked === undefined) return action.maxStreamDurationMs;
  const capped = max > 0 ? Math.min(asked, max) : asked;
  const left = Math.max(0, capped - offset);
  request.headers.set('grpc-timeout', grpcTimeoutText(left));
  // No time at all is no unlimited time.
  return Math.max(1, left);
}

/** Value of `grpc-timeout`, ms, rounded up; undefined when it is absent or not valid. */
export function grpcTimeout(request: RequestHead): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(request.headers.get('grpc-timeout') ?? '') ?? [];
  return digits === undefined ? undefined : Math.ceil(Number(digits) * (UNIT_MS[unit] ?? 1));
}

/** The smallest unit from milliseconds on that takes eight digits. */
export function grpcTimeoutText(ms: number): string {
  for (const unit of ['m', 'S', 'M']) {
    const value = Math.floor(ms / (UNIT_MS[unit] ?? 1));
    if (value <= MAX_DIGITS) return `${value}${unit}`;
  }
  return `${Math.min(MAX_DIGITS, Math.floor(ms / 3_600_000))}H`;
}
