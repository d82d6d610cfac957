import type { RequestHead } from '../../http/message.js';
import type { ForwardAction } from '../route.js';

/** Time limits of one request, ms; 0 is off. */
export interface Timeouts {
  readonly global: number;
  readonly perTry: number;
  readonly perTryIdle: number;
}

const GLOBAL = 'x-envoy-upstream-rq-timeout-ms';
const PER_TRY = 'x-envoy-upstream-rq-per-try-timeout-ms';
const EXPECTED = 'x-envoy-expected-rq-timeout-ms';

/** The route's limits, or those that the request asks for by Envoy's headers, which go no further. */
export function takeTimeouts(action: ForwardAction, request: RequestHead): Timeouts {
  const global = takeNumber(request, GLOBAL) ?? action.timeoutMs;
  let perTry = takeNumber(request, PER_TRY) ?? action.retry?.perTryTimeoutMs ?? 0;
  if (global !== 0 && perTry >= global) perTry = 0;
  return { global, perTry, perTryIdle: action.retry?.perTryIdleTimeoutMs ?? 0 };
}

/** Tells upstream how long this attempt is waited for. */
export function setExpectedTimeout(request: RequestHead, timeouts: Timeouts, elapsedMs: number): void {
  const { global, perTry } = timeouts;
  let expected = perTry > 0 ? perTry : global;
  if (expected === 0) return;
  // 0 would mean no limit to who reads it.
  if (global > 0) expected = elapsedMs >= global ? 1 : Math.min(expected, global - elapsedMs);
  request.headers.set(EXPECTED, String(Math.max(1, Math.round(expected))));
}

/** A header's whole number, removed from the request; undefined when it is absent or none. */
export function takeNumber(request: RequestHead, key: string): number | undefined {
  const value = request.headers.get(key);
  if (value === undefined) return undefined;
  request.headers.delete(key);
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
