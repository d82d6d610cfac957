import type { Registry } from 'prom-client';
import type { MetricName } from '../../common/telemetry/standard-metrics.js';
import type { Edge, Reporter } from './edge.js';
import type { EdgeLimit } from './edge-table.js';
import type { ShapedEdges } from './edge-tables.js';
import { registerSource, type Sample } from './metric-source.js';

type Labels = Readonly<Record<string, string>>;

/** What a metric says about an edge; `tags` makes what is told of the standard tags. */
export type Read = (edge: Edge, tags: (standard: Labels) => Labels) => Iterable<Sample>;

const asTheyAre = (labels: Labels): Labels => labels;

/** The samples of one metric, edge by edge. */
export function* samplesOf(name: MetricName, kinds: readonly ShapedEdges[], read: Read): Iterable<Sample> {
  for (const kind of kinds) {
    const { shape } = kind;
    if (shape !== undefined && !shape.has(name)) continue;
    for (const table of kind.all()) {
      const tags = shape === undefined ? asTheyAre : (standard: Labels) => shape.tags(name, standard, table.values);
      for (const edge of table.all()) yield* read(edge, tags);
    }
  }
}

/** Where tags were taken away, several samples say the same: their sum is one. */
export function summed(samples: Iterable<Sample>): Iterable<Sample> {
  const sums = new Map<string, { -readonly [K in keyof Sample]: Sample[K] }>();
  for (const sample of samples) {
    const labels = Object.entries(sample.labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = `${sample.suffix ?? ''} ${JSON.stringify(labels)}`;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { ...sample });
    else sum.value += sample.value;
  }
  return sums.values();
}

/** How far the number of edges is from where peers are counted as unknown. */
export function registerLimits(registry: Registry, limits: Readonly<Record<Reporter, EdgeLimit>>): void {
  const source = (name: string, type: 'counter' | 'gauge', help: string, of: (limit: EdgeLimit) => number): void =>
    registerSource(registry, {
      name,
      help,
      type,
      collect: () => Object.entries(limits).map(([reporter, limit]) => ({ labels: { reporter }, value: of(limit) })),
    });
  source('weft_proxy_edges', 'gauge', 'Pairs of client and service that have series.', ({ edges }) => edges);
  source('weft_proxy_edges_limit', 'gauge', 'How many of them there may be.', ({ max }) => max);
  source(
    'weft_proxy_edges_evicted_total',
    'counter',
    'Those whose series were dropped because nothing happened on them.',
    ({ dropped }) => dropped,
  );
  source(
    'weft_proxy_edges_overflow_total',
    'counter',
    'Requests and connections whose peer is counted as unknown because there are too many.',
    ({ overflowed }) => overflowed,
  );
}
