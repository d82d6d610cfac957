import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { OpenLoopOrder, OpenLoopReport } from './load/open-loop.js';
import { canPin, LOAD_CPU } from './processes.js';

interface FortioResult {
  /** Seconds. */
  readonly DurationHistogram: {
    readonly Count: number;
    readonly Percentiles: readonly { readonly Percentile: number; readonly Value: number }[];
  };
  readonly RetCodes: Readonly<Record<string, number>>;
  /** Nanoseconds. */
  readonly ActualDuration: number;
}

const PERCENTILES = [50, 90, 99, 99.9];
/** Seconds; what its histogram tells apart. */
const RESOLUTION = 0.000_01;

/**
 * The same load by fortio, to check our generator against. It counts from the time at which a request left, and catches up
 * with what it is behind, so its tail is a little better than ours.
 */
export async function fortio(program: string, { port, connections, rate, ms }: OpenLoopOrder): Promise<OpenLoopReport> {
  const command = [
    ...(canPin ? ['taskset', '-c', String(LOAD_CPU)] : []),
    ...[program, 'load', '-quiet', '-uniform', '-json', '-'],
    ...['-c', String(connections), '-qps', String(rate), '-t', `${ms}ms`],
    ...['-r', String(RESOLUTION), '-p', PERCENTILES.join(','), '-H', 'Host: echo:9080'],
    `http://127.0.0.1:${port}/bench/item?id=7`,
  ];
  const { stdout } = await promisify(execFile)(command[0] ?? '', command.slice(1), { maxBuffer: 16 * 1024 * 1024 });
  return readFortio(stdout);
}

/** @throws SyntaxError when the text is not fortio's result. */
export function readFortio(text: string): OpenLoopReport {
  const { DurationHistogram: histogram, RetCodes, ActualDuration } = JSON.parse(text) as FortioResult;
  const at = (percentile: number): number =>
    (histogram.Percentiles.find(({ Percentile }) => Percentile === percentile)?.Value ?? Number.NaN) * 1000;
  return {
    requests: histogram.Count,
    errors: histogram.Count - (RetCodes['200'] ?? 0),
    seconds: ActualDuration / 1e9,
    ...{ p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), latenessP99: 0 },
  };
}
