import { request } from 'node:http';
import { messageOf } from '../../common/runtime/errors.js';

/** Where the application's own metrics are. */
export interface ScrapeTarget {
  readonly port: number;
  readonly path: string;
}

/** The application's `prometheus.io/` annotations (JSON of `scrape`, `path`, `port`); undefined where there is nothing to scrape. */
export function scrapeTarget(json: string, ownPorts: readonly number[]): ScrapeTarget | undefined {
  if (json.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { scrape = '', path = '', port = '' } = value as Readonly<Record<string, unknown>>;
  const number = Number(port === '' ? 80 : port);
  if (String(scrape) === 'false' || !Number.isInteger(number) || number < 1 || number > 65_535) return undefined;
  // Annotations that were rewritten to point to us must not lead back here.
  if (ownPorts.includes(number)) return undefined;
  const text = String(path);
  return { port: number, path: text === '' ? '/metrics' : text.startsWith('/') ? text : `/${text}` };
}

/** Version 0.0.4 of Prometheus' text format: both parts are brought to it. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const MAX_BYTES = 32 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

export interface MergeOptions {
  readonly own: () => AsyncIterable<string>;
  readonly target: ScrapeTarget | undefined;
  /** Of the scraper's patience, ms (X-Prometheus-Scrape-Timeout-Seconds). */
  readonly timeoutMs?: number | undefined;
  readonly onFailure: (reason: string) => void;
}

/** Our metrics, piece by piece, then the application's; ours alone when it does not answer. */
export async function* mergedMetrics({
  own,
  target,
  timeoutMs,
  onFailure,
}: MergeOptions): AsyncGenerator<string, void, undefined> {
  const application =
    target === undefined
      ? Promise.resolve('')
      : scrape(target, timeoutMs ?? DEFAULT_TIMEOUT_MS).catch((error: unknown) => {
          onFailure(messageOf(error));
          return '';
        });
  let end = '\n';
  for await (const piece of own()) {
    yield piece;
    end = piece.at(-1) ?? end;
  }
  if (end !== '\n') yield '\n';
  yield await application;
}

function scrape({ port, path }: ScrapeTarget, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'text/plain;version=0.0.4;q=1,*/*;q=0.1' };
    const call = request({ host: 'localhost', port, path, headers, agent: false }, (response) => {
      const { statusCode = 0 } = response;
      if (statusCode !== 200) {
        response.resume();
        reject(new Error(`the application's metrics answer with ${statusCode}`));
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BYTES) call.destroy(new Error("the application's metrics are too large"));
        else chunks.push(chunk);
      });
      response.on('end', () => resolve(plainText(Buffer.concat(chunks).toString(), response.headers['content-type'])));
      response.on('error', reject);
    });
    call.setTimeout(timeoutMs, () => call.destroy(new Error("the application's metrics take too long")));
    call.on('error', reject);
    call.end();
  });
}

const SAMPLE = /^([a-zA-Z_:][\w:]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+\S+)(?:[ \t]+[^#\s]\S*)?(?:[ \t]+#.*)?$/;

/** OpenMetrics without what the plain format has not: the end mark, units, exemplars, timestamps in seconds. */
function plainText(text: string, contentType: string | undefined): string {
  const lines = text.split('\n');
  const openMetrics = contentType?.startsWith('application/openmetrics-text') === true;
  const kept = openMetrics
    ? lines
        .filter((line) => line !== '# EOF' && !line.startsWith('# UNIT '))
        .map((line) => (line.startsWith('#') ? line : line.replace(SAMPLE, '$1')))
    : lines;
  const joined = kept.join('\n');
  return joined.endsWith('\n') || joined === '' ? joined : `${joined}\n`;
}
