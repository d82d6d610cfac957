import type { StreamInfo } from '../http/stream-info.js';
import type { Factory } from './format-operators.js';

/** When the last byte of the request went upstream: it is passed on as it comes, so never before there is a connection. */
export function requestSent({ requestEnd, upstreamStart }: StreamInfo): number {
  return requestEnd < 0 || upstreamStart < 0 ? -1 : Math.max(requestEnd, upstreamStart);
}

/** The first byte of an answer goes on in the turn in which it came; what we answer ourselves is there at once. */
const answered = ({ upstreamFirstByte, end }: StreamInfo): number => (upstreamFirstByte < 0 ? end : upstreamFirstByte);

const POINTS: Readonly<Record<string, (info: StreamInfo) => number>> = {
  DS_RX_BEG: ({ start }) => start,
  DS_RX_END: ({ requestEnd }) => requestEnd,
  US_TX_BEG: ({ upstreamStart }) => upstreamStart,
  US_TX_END: requestSent,
  US_RX_BEG: ({ upstreamFirstByte }) => upstreamFirstByte,
  US_RX_END: ({ upstreamFirstByte, end }) => (upstreamFirstByte < 0 ? -1 : end),
  DS_TX_BEG: answered,
  DS_TX_END: ({ end }) => end,
};

/** Points of a connection's life, which are not kept. */
const NOT_KEPT = new Set(['US_CX_BEG', 'US_CX_END', 'US_HS_END', 'US_RX_BODY_BEG', 'DS_CX_BEG', 'DS_CX_END']);

const PER_MS: Readonly<Record<string, number>> = { ms: 1, us: 1000, ns: 1_000_000 };

/** `%COMMON_DURATION(START:END:PRECISION)%`. Points that nobody sets are absent, as Envoy's own keys. */
export const commonDuration: Factory = (argument, _length, deps) => {
  const [from, to, precision, ...rest] = (argument ?? '').split(':');
  const factor = PER_MS[precision ?? ''];
  if (!from || !to || factor === undefined || rest.length > 0) {
    throw new Error('format: %COMMON_DURATION% needs (START:END:PRECISION) with ms, us or ns');
  }
  for (const name of [from, to]) if (NOT_KEPT.has(name)) deps.warn?.(`%COMMON_DURATION% knows no ${name}`);
  const begin = POINTS[from];
  const end = POINTS[to];
  if (begin === undefined || end === undefined) return () => undefined;
  return ({ info, request }) => {
    if (request === undefined) return undefined;
    const first = begin(info);
    const last = end(info);
    return first < 0 || last < 0 ? undefined : Math.floor((last - first) * factor);
  };
};
