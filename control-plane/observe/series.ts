import { goldenOf } from '../../common/observe/golden.js';
import type { Series } from '../../common/observe/series.js';
import type { EdgeStats } from '../../common/runtime/edge-report.js';
import type { EdgeHistory, Told, Window } from './history.js';
import { joinHops } from './hops.js';

/** What a series is of. */
export interface SeriesSubject {
  /** Id of a node or an edge. */
  readonly of: string;
  readonly direction: 'inbound' | 'outbound';
}

/** The signals of a node or an edge, step by step. */
export function buildSeries(
  { of, direction }: SeriesSubject,
  { source }: Pick<EdgeHistory, 'source'>,
  { from }: Window,
  stepMs: number,
  { value: steps, notes }: Told<readonly (readonly EdgeStats[])[]>,
): Series {
  const chosen = steps.map((edges) => statsOf(of, direction, edges));
  const golden = chosen.map((edges) => goldenOf(edges, stepMs));
  const seconds = stepMs / 1000;
  return {
    of,
    direction,
    stepMs,
    times: steps.map((_, index) => from + index * stepMs),
    requestsPerSecond: golden.map(({ requestsPerSecond }) => requestsPerSecond),
    errorsPerSecond: golden.map(({ errors }) => errors / seconds),
    p50Ms: golden.map(({ p50Ms = null }) => p50Ms),
    p95Ms: golden.map(({ p95Ms = null }) => p95Ms),
    p99Ms: golden.map(({ p99Ms = null }) => p99Ms),
    receivedBytesPerSecond: golden.map(({ receivedBytesPerSecond }) => receivedBytesPerSecond),
    sentBytesPerSecond: golden.map(({ sentBytesPerSecond }) => sentBytesPerSecond),
    connectionsOpenedPerSecond: golden.map(({ connectionsOpened }) => connectionsOpened / seconds),
    codes: columns(chosen, seconds, ({ code }) => [String(code)]),
    flags: columns(chosen, seconds, ({ flags }) => (flags === '-' ? [] : flags.split(','))),
    source,
    notes,
  };
}

/** What was counted on an edge, or at one side of a node. */
function statsOf(id: string, direction: 'inbound' | 'outbound', edges: readonly EdgeStats[]): EdgeStats[] {
  const ends = direction === 'inbound' ? (['destination', 'service', 'id'] as const) : (['source', 'id'] as const);
  return joinHops(edges).flatMap((hop) => (ends.some((end) => hop[end] === id) ? hop.stats : []));
}

function columns(
  steps: readonly (readonly EdgeStats[])[],
  seconds: number,
  keysOf: (response: EdgeStats['responses'][number]) => readonly string[],
): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const [index, edges] of steps.entries()) {
    for (const response of edges.flatMap(({ responses }) => responses)) {
      for (const key of keysOf(response)) {
        found[key] ??= steps.map(() => 0);
        const column = found[key];
        column[index] = (column[index] ?? 0) + response.count / seconds;
      }
    }
  }
  return found;
}
