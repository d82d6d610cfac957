import { createRequire } from 'node:module';
import type { Metric, Registry } from 'prom-client';

/**
 * A metric family whose values are kept elsewhere and read when somebody scrapes. prom-client's own counters cost a
 * label hash at every increment; ours are plain fields, and prom-client only writes the exposition.
 */
export interface MetricSource {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'untyped';
  collect(): Iterable<Sample>;
}

export interface Sample {
  /** `_bucket`, `_sum` and `_count` of a histogram. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** prom-client is loaded when somebody scrapes first: a start does not wait for it. */
export function newRegistry(): Registry {
  const prometheus = createRequire(import.meta.url)('prom-client') as typeof import('prom-client');
  return new prometheus.Registry();
}

/** Makes a source part of what the registry writes. A name that is taken throws. */
export function registerSource(registry: Registry, source: MetricSource): void {
  // The registry reads exactly these members; its types ask for the whole of Counter, Gauge or Histogram.
  const metric = {
    name: source.name,
    help: source.help,
    type: source.type,
    get: () =>
      Promise.resolve({ name: source.name, help: source.help, type: source.type, values: [...values(source)] }),
    reset: () => undefined,
  };
  registry.registerMetric(metric as unknown as Metric);
}

function* values(source: MetricSource): Iterable<object> {
  for (const { suffix = '', labels, value } of source.collect()) {
    yield { metricName: `${source.name}${suffix}`, labels, value };
  }
}
