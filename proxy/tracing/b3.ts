import type { HeaderList } from '../http/headers.js';
import { isId, MALFORMED, NOTHING_RECEIVED, type ReceivedContext, type TraceContext } from './trace-context.js';

/** Reads B3: the single header `b3`, else the several `x-b3-…` (openzipkin/b3-propagation). A decision about sampling counts without a trace, too. */
export function extractB3(headers: HeaderList): ReceivedContext | typeof MALFORMED {
  const single = headers.get('b3');
  if (single !== undefined) return readSingle(single);
  const sampled = readSampled(headers.get('x-b3-flags') === '1' ? 'd' : headers.get('x-b3-sampled'));
  const traceId = headers.get('x-b3-traceid');
  const spanId = headers.get('x-b3-spanid');
  if (traceId !== undefined && spanId !== undefined) return received(traceId, spanId, sampled);
  return sampled === undefined ? NOTHING_RECEIVED : { parent: undefined, sampled };
}

/** `TRACE-SPAN[-SAMPLED[-PARENT]]`, or the decision alone. */
function readSingle(value: string): ReceivedContext | typeof MALFORMED {
  const [traceId = '', spanId, decision] = value.split('-');
  if (spanId !== undefined) return received(traceId, spanId, readSampled(decision));
  const sampled = readSampled(value);
  return sampled === undefined ? MALFORMED : { parent: undefined, sampled };
}

function readSampled(value: string | undefined): boolean | undefined {
  if (value === '1' || value === 'd' || value === 'true') return true;
  return value === '0' || value === 'false' ? false : undefined;
}

function received(trace: string, span: string, sampled: boolean | undefined): ReceivedContext | typeof MALFORMED {
  const traceId = trace.toLowerCase();
  const spanId = span.toLowerCase();
  const long = (traceId.length === 16 || traceId.length === 32) && spanId.length === 16;
  return long && isId(traceId) && isId(spanId) ? { parent: { traceId, spanId, state: '' }, sampled } : MALFORMED;
}

/** Writes what came: the single header in the place of one, else the several. */
export function injectB3(headers: HeaderList, context: TraceContext, parentId: string): void {
  const sampled = context.sampled ? '1' : '0';
  if (headers.has('b3')) {
    const parent = parentId === '' ? '' : `-${parentId}`;
    headers.set('b3', `${context.traceId}-${context.spanId}-${sampled}${parent}`);
    return;
  }
  headers.set('x-b3-traceid', context.traceId);
  headers.set('x-b3-spanid', context.spanId);
  if (parentId === '') headers.delete('x-b3-parentspanid');
  else headers.set('x-b3-parentspanid', parentId);
  headers.set('x-b3-sampled', sampled);
}
