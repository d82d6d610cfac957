import { isGrpc } from '../../http/grpc-status.js';
import type { RequestHead } from '../../http/message.js';
import { grpcTimeout, grpcTimeoutText } from '../../http/stream-duration.js';
import type { ForwardAction } from '../route.js';

const ASKING: ReadonlySet<string> = new Set([
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-upstream-stream-duration-ms',
  'x-envoy-upstream-alt-stat-name',
]);

/** Time limits of one request, ms; 0 is off. */
export interface Timeouts {
  readonly global: number;
  readonly perTry: number;
  readonly perTryIdle: number;
  /** The request tells upstream its time by `grpc-timeout` too. */
  readonly grpc: boolean;
}

const GLOBAL = 'x-envoy-upstream-rq-timeout-ms';
const PER_TRY = 'x-envoy-upstream-rq-per-try-timeout-ms';
const EXPECTED = 'x-envoy-expected-rq-timeout-ms';

/** Whether any of the headers is there by which a request changes timeouts or retries; most have none. */
export function asksByHeader(request: RequestHead): boolean {
  const { headers } = request;
  for (let i = 0; i < headers.size; i++) {
    const key = headers.keyAt(i);
    if (key.startsWith('x-envoy-') && ASKING.has(key)) return true;
  }
  return false;
}

/** The route's limits, or those that the request asks for by Envoy's headers, which go no further. */
export function takeTimeouts(action: ForwardAction, request: RequestHead, asks: boolean): Timeouts {
  const grpc = action.grpcTimeout !== undefined && isGrpc(request);
  const global =
    (asks ? takeNumber(request, GLOBAL) : undefined) ?? (grpc ? askedByGrpc(action, request) : action.timeoutMs);
  if (asks) {
    request.headers.delete('x-envoy-upstream-stream-duration-ms');
    request.headers.delete('x-envoy-upstream-alt-stat-name');
  }
  let perTry = (asks ? takeNumber(request, PER_TRY) : undefined) ?? action.retry?.perTryTimeoutMs ?? 0;
  if (global !== 0 && perTry >= global) perTry = 0;
  return { global, perTry, perTryIdle: action.retry?.perTryIdleTimeoutMs ?? 0, grpc };
}

/** What a gRPC request asks for, as far as its route lets it; 0 is no limit. */
function askedByGrpc({ grpcTimeout: route }: ForwardAction, request: RequestHead): number {
  const { maxMs = 0, offsetMs = 0 } = route ?? {};
  const asked = grpcTimeout(request) ?? 0;
  const left = offsetMs < asked ? asked - offsetMs : asked;
  return maxMs !== 0 && (left === 0 || left > maxMs) ? maxMs : left;
}

/** Tells upstream how long this attempt is waited for. */
export function setExpectedTimeout(request: RequestHead, timeouts: Timeouts, elapsedMs: number): void {
  const { global, perTry } = timeouts;
  let expected = perTry > 0 ? perTry : global;
  if (expected === 0) return;
  // 0 would mean no limit to who reads it.
  if (global > 0) expected = elapsedMs >= global ? 1 : Math.min(expected, global - elapsedMs);
  const ms = Math.max(1, Math.round(expected));
  request.headers.set(EXPECTED, String(ms));
  if (timeouts.grpc) request.headers.set('grpc-timeout', grpcTimeoutText(ms));
}

/** A header's whole number, removed from the request; undefined when it is absent or none. */
export function takeNumber(request: RequestHead, key: string): number | undefined {
  const value = request.headers.get(key);
  if (value === undefined) return undefined;
  request.headers.delete(key);
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
