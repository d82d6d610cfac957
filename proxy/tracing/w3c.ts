import type { HeaderList } from '../http/headers.js';
import { isId, MALFORMED, NOTHING_RECEIVED, type ReceivedContext, type TraceContext } from './trace-context.js';

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Reads `traceparent` and `tracestate` (W3C Trace Context sections 3.2 and 3.3). */
export function extractW3c(headers: HeaderList): ReceivedContext | typeof MALFORMED {
  const value = headers.get('traceparent')?.toLowerCase();
  if (value === undefined) return NOTHING_RECEIVED;
  const [, version = 'ff', traceId = '', spanId = '', flags = '0'] = PARENT.exec(value) ?? [];
  // Version 00 has exactly these four parts; a later one may add more.
  if (version === 'ff' || (version === '00' && value.length !== 55)) return MALFORMED;
  if (!isId(traceId) || !isId(spanId)) return MALFORMED;
  return {
    parent: { traceId, spanId, state: headers.joined('tracestate') ?? '' },
    sampled: (Number.parseInt(flags, 16) & 1) === 1,
  };
}

/** Writes both, the state even when it is empty, as Envoy's OpenTelemetry tracer does. */
export function injectW3c(headers: HeaderList, context: TraceContext): void {
  injectTraceparent(headers, context);
  headers.set('tracestate', context.state);
}

export function injectTraceparent(headers: HeaderList, context: TraceContext): void {
  const traceId = context.traceId.padStart(32, '0');
  headers.set('traceparent', `00-${traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`);
}
