import type { Sample } from './metric-source.js';

/** Envoy's default bounds, which Istio's dashboards expect of durations (ms) and sizes (bytes) alike. */
export const DEFAULT_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];

/** A cumulative histogram over fixed bounds. */
export class Histogram {
  private readonly counts = new Float64Array(DEFAULT_BOUNDS.length + 1);
  sum = 0;
  count = 0;

  record(value: number): void {
    let index = 0;
    // Most values are small, so a linear search beats a binary one.
    while (index < DEFAULT_BOUNDS.length && value > (DEFAULT_BOUNDS[index] ?? 0)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += value;
    this.count++;
  }

  *samples(labels: Readonly<Record<string, string>>): Iterable<Sample> {
    let below = 0;
    for (const [index, bound] of DEFAULT_BOUNDS.entries()) {
      below += this.counts[index] ?? 0;
      yield { suffix: '_bucket', labels: { ...labels, le: bound }, value: below };
    }
    yield { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: this.count };
    yield { suffix: '_sum', labels, value: this.sum };
    yield { suffix: '_count', labels, value: this.count };
  }
}
