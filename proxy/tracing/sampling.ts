import type { Random } from '../../common/runtime/clock.js';
import type { HeaderList } from '../http/headers.js';

/** Why a request is traced, or that it is not (Envoy's Tracing::Reason). */
export type TraceReason = 'not_traceable' | 'client_enabled' | 'service_forced' | 'random_sampling';

/** Shares from 0 to 1 (HttpConnectionManager.Tracing). */
export interface Sampling {
  /** Of requests with `x-client-trace-id`. */
  readonly client: number;
  readonly random: number;
  /** Of all that would be traced. */
  readonly overall: number;
  /** Chance comes from the request ID, so that all proxies of a request's way draw the same lot. */
  readonly byRequestId: boolean;
  /** The reason is written into the request ID, where the next proxy finds it. */
  readonly packReason: boolean;
}

/** Place of a UUID's version digit, which Envoy uses to tell the next proxy (UUIDRequestIDExtension). */
const REASON_AT = 14;
const DIGIT_OF = { not_traceable: '4', random_sampling: '9', service_forced: 'a', client_enabled: 'b' } as const;
const REASON_OF: Readonly<Record<string, TraceReason>> = {
  '9': 'random_sampling',
  a: 'service_forced',
  b: 'client_enabled',
};
const UUID_LENGTH = 36;

/** Envoy's decision about one request, and the request ID that tells it. */
export function decide(
  sampling: Sampling,
  headers: HeaderList,
  requestId: string,
  random: Random,
): { readonly reason: TraceReason; readonly requestId: string } {
  const lot = sampling.byRequestId ? lotOf(requestId) : random();
  if (lot === undefined) return { reason: 'not_traceable', requestId };
  let reason = received(requestId);
  if (reason === 'not_traceable') reason = begun(sampling, headers, lot);
  if (reason !== 'not_traceable' && lot >= sampling.overall) reason = 'not_traceable';
  return { reason, requestId: sampling.packReason ? withReason(requestId, reason) : requestId };
}

function begun(sampling: Sampling, headers: HeaderList, lot: number): TraceReason {
  if (headers.has('x-client-trace-id') && lot < sampling.client) return 'client_enabled';
  if (headers.has('x-envoy-force-trace')) return 'service_forced';
  return lot < sampling.random ? 'random_sampling' : 'not_traceable';
}

/** From the first 32 bits, in steps of a ten-thousandth; undefined for what is no UUID. */
function lotOf(requestId: string): number | undefined {
  const head = requestId.slice(0, 8);
  if (requestId.length !== UUID_LENGTH || !/^[0-9a-f]{8}$/i.test(head)) return undefined;
  return (Number.parseInt(head, 16) % 10_000) / 10_000;
}

function received(requestId: string): TraceReason {
  if (requestId.length !== UUID_LENGTH) return 'not_traceable';
  return REASON_OF[requestId.charAt(REASON_AT)] ?? 'not_traceable';
}

function withReason(requestId: string, reason: TraceReason): string {
  if (requestId.length !== UUID_LENGTH) return requestId;
  const digit = DIGIT_OF[reason];
  if (requestId.charAt(REASON_AT) === digit) return requestId;
  return requestId.slice(0, REASON_AT) + digit + requestId.slice(REASON_AT + 1);
}
