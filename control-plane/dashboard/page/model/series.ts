import type { Series } from '../../../../common/observe/series.js';

/** What plots show: columns of equal length, times in seconds. */
export interface Columns {
  readonly times: readonly number[];
  readonly requests: readonly number[];
  readonly errors: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  readonly bytes: readonly number[];
}

/** Several edges or workloads as one: rates are added, of percentiles the worst is taken. */
export function mergeSeries(all: readonly Series[]): Columns {
  const times = [...new Set(all.flatMap((series) => series.times))].sort((a, b) => a - b);
  const index = new Map(times.map((time, position) => [time, position]));
  const sum = (column: (series: Series) => readonly number[]): number[] => {
    const total = times.map(() => 0);
    for (const series of all) {
      const values = column(series);
      series.times.forEach((time, position) => {
        const at = index.get(time);
        if (at !== undefined) total[at] = (total[at] ?? 0) + (values[position] ?? 0);
      });
    }
    return total;
  };
  const worst = (column: (series: Series) => readonly (number | null)[]): (number | null)[] => {
    const most: (number | null)[] = times.map(() => null);
    for (const series of all) {
      const values = column(series);
      series.times.forEach((time, position) => {
        const at = index.get(time);
        const value = values[position] ?? null;
        if (at !== undefined && value !== null) most[at] = Math.max(most[at] ?? 0, value);
      });
    }
    return most;
  };
  return {
    times: times.map((time) => time / 1000),
    requests: sum((series) => series.requestsPerSecond),
    errors: sum((series) => series.errorsPerSecond),
    p50: worst((series) => series.p50Ms),
    p95: worst((series) => series.p95Ms),
    p99: worst((series) => series.p99Ms),
    bytes: sum((series) =>
      series.receivedBytesPerSecond.map((value, at) => value + (series.sentBytesPerSecond[at] ?? 0)),
    ),
  };
}
