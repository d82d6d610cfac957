import type { Answer } from '../admin/commands.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { EdgeIdentity } from '../telemetry/edge.js';
import { describeRequest, type RequestWatch, type Tap } from './request-watch.js';

const MAX_TAPS = 8;
const RATE = { usual: 20, most: 200 };
const SECONDS = { usual: 60, most: 600 };

/** What a tap wants to see; an absent condition holds for all. */
interface Conditions {
  readonly source: string | null;
  readonly destination: string | null;
  readonly method: string | null;
  /** Beginning of the path. */
  readonly path: string | null;
  /** `503`, `5xx`, or `errors`. */
  readonly status: string | null;
  readonly reporter: string | null;
}

const STATUS = /^(?:\d{1,3}|[1-5]xx|errors)$/;

/**
 * `GET /weft/tap`: requests as they end, one JSON object a line, at most `rate` a second, for `seconds`. What is more than the rate
 * is left out and told as `{"skipped": n}`.
 */
export function tapAnswer(watch: RequestWatch, allowed: boolean, query: URLSearchParams): Answer {
  const refuse = (status: number, body: string): Answer => ({ status, type: 'text', body: `${body}\n` });
  if (!allowed)
    return refuse(
      403,
      'live requests of this workload may not be looked at: its proxyMetadata says ISTIO_META_WEFT_TAP: "off"',
    );
  const status = query.get('status');
  if (status !== null && !STATUS.test(status)) return refuse(400, 'status is a number such as 503, 5xx, or errors');
  const rate = boundedNumber(query.get('rate'), RATE);
  const seconds = boundedNumber(query.get('seconds'), SECONDS);
  if (rate === undefined || seconds === undefined) return refuse(400, 'rate and seconds are numbers of at least 1');
  if (watch.watchers >= MAX_TAPS) return refuse(429, `there are ${MAX_TAPS} taps on this proxy already`);
  const get = (name: string): string | null => query.get(name);
  const conditions: Conditions = {
    source: get('source'),
    destination: get('destination'),
    method: get('method'),
    path: get('path'),
    status,
    reporter: get('reporter'),
  };
  return {
    status: 200,
    type: 'json',
    body: '',
    stream: (write, signal) => run(watch, conditions, { rate, seconds }, write, signal),
  };
}

function boundedNumber(text: string | null, { usual, most }: typeof RATE): number | undefined {
  if (text === null) return usual;
  const value = Number(text);
  return Number.isFinite(value) && value >= 1 ? Math.min(most, value) : undefined;
}

function run(
  watch: RequestWatch,
  conditions: Conditions,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let left = rate;
  let skipped = 0;
  const tap: Tap = {
    offer(identity, info) {
      if (!matches(conditions, identity, info)) return;
      if (left > 0) {
        left--;
        write(`${JSON.stringify(describeRequest(identity, info))}\n`);
      } else skipped++;
    },
  };
  const stop = watch.watch(tap);
  let ticks = 0;
  return new Promise((resolve) => {
    const end = (): void => {
      clearInterval(timer);
      stop();
      resolve();
    };
    const timer = setInterval(() => {
      left = rate;
      if (skipped > 0) write(`${JSON.stringify({ skipped })}\n`);
      skipped = 0;
      if (++ticks >= seconds) end();
    }, 1000);
    timer.unref();
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

function matches(wanted: Conditions, identity: EdgeIdentity, info: StreamInfo): boolean {
  const { source, destination, service, reporter } = identity;
  if (wanted.reporter !== null && wanted.reporter !== reporter) return false;
  if (wanted.method !== null && wanted.method.toUpperCase() !== info.method) return false;
  if (wanted.path !== null && !(info.originalPath || info.path).startsWith(wanted.path)) return false;
  if (wanted.status !== null && !hasStatus(wanted.status, info)) return false;
  if (wanted.source !== null && !isNamed(wanted.source, source, undefined)) return false;
  return wanted.destination === null || isNamed(wanted.destination, destination, service?.host);
}

function hasStatus(wanted: string, { responseCode: code, grpcStatus }: StreamInfo): boolean {
  if (wanted === 'errors') return code === 0 || code >= 400 || grpcStatus > 0;
  return wanted.endsWith('xx') ? Math.floor(code / 100) === Number(wanted[0]) : code === Number(wanted);
}

/** By `NAME`, `NAMESPACE/NAME`, or the host of a service, whole or its first part. */
function isNamed(wanted: string, workload: EdgeIdentity['source'], host: string | undefined): boolean {
  if (host !== undefined && (host === wanted || host.split('.')[0] === wanted)) return true;
  const { workload: name = 'unknown', namespace = 'unknown' } = workload ?? {};
  return wanted === name || wanted === `${namespace}/${name}`;
}
