import type { HeaderList } from '../http/headers.js';
import { isId, NOTHING_RECEIVED, type ReceivedContext, type TraceContext } from './trace-context.js';

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Reads `traceparent` and `tracestate` (W3C Trace Context sections 3.2 and 3.3). A malformed parent is as if it was not there. */
export function extractW3c(headers: HeaderList): ReceivedContext {
  const value = headers.get('traceparent');
  const match = value === undefined ? null : PARENT.exec(value);
  const [, version = 'ff', traceId = '', spanId = '', flags = '0'] = match ?? [];
  // Version 00 has exactly these four parts; a later one may add more.
  if (version === 'ff' || (version === '00' && value?.length !== 55)) return NOTHING_RECEIVED;
  if (!isId(traceId) || !isId(spanId)) return NOTHING_RECEIVED;
  return {
    parent: { traceId, spanId, state: headers.joined('tracestate') ?? '' },
    sampled: (Number.parseInt(flags, 16) & 1) === 1,
  };
}

export function injectW3c(headers: HeaderList, context: TraceContext): void {
  const traceId = context.traceId.padStart(32, '0');
  headers.set('traceparent', `00-${traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`);
  if (context.state !== '') headers.set('tracestate', context.state);
}
