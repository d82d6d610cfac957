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

/** Which source a metric of a registry stands for. */
const sourceOf = new WeakMap<object, MetricSource>();

/** Makes a source part of what the registry writes. A name that is taken throws. */
export function registerSource(registry: Registry, source: MetricSource): void {
  const metric = metricOf(source, () => source.collect());
  sourceOf.set(metric, source);
  registry.registerMetric(metric);
}

/** Samples that are text at a time: some hundred kB of it. */
const BATCH = 1000;

/**
 * What a registry holds in Prometheus' text format, piece by piece: ten thousands of series are never all text, nor all objects,
 * at once. What `registry.metrics()` gives is the same in one string.
 */
export async function* textOf(registry: Registry): AsyncGenerator<string, void, undefined> {
  for (const metric of registry.getMetricsAsArray()) {
    const source = sourceOf.get(metric);
    if (source === undefined) {
      yield `${await registry.getSingleMetricAsString(metric.name)}\n\n`;
      continue;
    }
    let first = true;
    for (const batch of batches(source.collect())) {
      const one = newRegistry();
      one.registerMetric(metricOf(source, () => batch));
      const text = await one.metrics();
      yield first ? text : withoutHeader(text);
      first = false;
    }
    yield '\n';
  }
}

/** `# HELP` and `# TYPE` stand once before a family. */
function withoutHeader(text: string): string {
  return text.slice(text.indexOf('\n', text.indexOf('\n') + 1) + 1);
}

/** At least one, so that a family without samples has its header. The parts of a histogram stay together, so that they agree. */
function* batches(samples: Iterable<Sample>): Iterable<readonly Sample[]> {
  let batch: Sample[] = [];
  let first = true;
  for (const sample of samples) {
    batch.push(sample);
    if (batch.length < BATCH || sample.suffix === '_bucket' || sample.suffix === '_sum') continue;
    yield batch;
    batch = [];
    first = false;
  }
  if (batch.length > 0 || first) yield batch;
}

/** The registry reads exactly these members; its types ask for the whole of Counter, Gauge or Histogram. */
function metricOf({ name, help, type }: MetricSource, samples: () => Iterable<Sample>): Metric {
  const metric = {
    name,
    help,
    type,
    get: () => Promise.resolve({ name, help, type, values: [...values(name, samples())] }),
    reset: () => undefined,
  };
  return metric as unknown as Metric;
}

function* values(name: string, samples: Iterable<Sample>): Iterable<object> {
  for (const { suffix = '', labels, value } of samples) yield { metricName: `${name}${suffix}`, labels, value };
}
