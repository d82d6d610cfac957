import type { HeaderList } from '../http/headers.js';
import { isId, NOTHING_RECEIVED, type ReceivedContext, type TraceContext } from './trace-context.js';

/**
 * Reads B3: the single header `b3`, else the several `x-b3-…` (openzipkin/b3-propagation). What is no B3 is as if it was
 * not there; a decision about sampling counts without a trace, too.
 */
export function extractB3(headers: HeaderList): ReceivedContext {
  const single = headers.get('b3');
  if (single !== undefined) return readSingle(single);
  const sampled = readSampled(headers.get('x-b3-flags') === '1' ? 'd' : headers.get('x-b3-sampled'));
  return received(headers.get('x-b3-traceid'), headers.get('x-b3-spanid'), sampled);
}

/** `TRACE-SPAN[-SAMPLED[-PARENT]]`, or the decision alone. */
function readSingle(value: string): ReceivedContext {
  const parts = value.split('-');
  if (parts.length === 1) return { parent: undefined, sampled: readSampled(value) };
  return received(parts[0], parts[1], readSampled(parts[2]));
}

function readSampled(value: string | undefined): boolean | undefined {
  if (value === '1' || value === 'd' || value === 'true') return true;
  return value === '0' || value === 'false' ? false : undefined;
}

function received(trace: string | undefined, span: string | undefined, sampled: boolean | undefined): ReceivedContext {
  const traceId = trace?.toLowerCase() ?? '';
  const spanId = span?.toLowerCase() ?? '';
  const whole =
    (traceId.length === 16 || traceId.length === 32) && spanId.length === 16 && isId(traceId) && isId(spanId);
  if (whole) return { parent: { traceId, spanId, state: '' }, sampled };
  return sampled === undefined ? NOTHING_RECEIVED : { parent: undefined, sampled };
}

/** Writes the several headers, in the place of a single one that came. */
export function injectB3(headers: HeaderList, context: TraceContext, parentId: string): void {
  headers.delete('b3');
  headers.set('x-b3-traceid', context.traceId);
  headers.set('x-b3-spanid', context.spanId);
  if (parentId === '') headers.delete('x-b3-parentspanid');
  else headers.set('x-b3-parentspanid', parentId);
  headers.set('x-b3-sampled', context.sampled ? '1' : '0');
}
