import type { Registry } from 'prom-client';
import { type MetricSource, newRegistry, registerSource, type Sample, textOf } from './metric-source.js';

/** Statistics of one thing in Envoy's naming: `cluster.NAME.upstream_rq_total`, `server.uptime`. */
export interface StatGroup {
  /** `cluster`, `listener`, `http`, `server`, … */
  readonly scope: string;
  /** The thing's name and the label that carries it in Prometheus (`cluster_name`); absent where there is only one. */
  readonly tag?: { readonly label: string; readonly value: string };
  readonly stats: readonly Stat[];
}

export interface Stat {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly value: number;
}

/** Envoy's flat names, sorted. */
export function flatStats(groups: Iterable<StatGroup>): { name: string; value: number }[] {
  const flat: { name: string; value: number }[] = [];
  for (const { scope, tag, stats } of groups) {
    const prefix = tag === undefined ? scope : `${scope}.${tag.value}`;
    for (const stat of stats) flat.push({ name: `${prefix}.${stat.name}`, value: stat.value });
  }
  return flat.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Istio's bootstrap makes a label of it (`stats_tags`). */
const CLASS = /^(.*_rq)_(\dxx)$/;

/** Prometheus' text of a registry, piece by piece, followed by that of the groups, named as Envoy names them (`envoy_cluster_…`). */
export async function* exposition(
  registry: Registry,
  groups: Iterable<StatGroup>,
): AsyncGenerator<string, void, undefined> {
  const families = new Map<string, { type: MetricSource['type']; samples: Sample[] }>();
  for (const { scope, tag, stats } of groups) {
    const labels = tag === undefined ? {} : { [tag.label]: tag.value };
    for (const stat of stats) {
      const [, base = stat.name, status] = CLASS.exec(stat.name) ?? [];
      const name = `envoy_${scope}_${base}`.replace(/[^A-Za-z0-9_]/g, '_');
      const family = families.get(name) ?? { type: exposedType(name, stat.type), samples: [] };
      families.set(name, family);
      const all = status === undefined ? labels : { ...labels, response_code_class: status };
      family.samples.push({ labels: all, value: stat.value });
    }
  }
  const scratch = newRegistry();
  for (const [name, { type, samples }] of families) {
    registerSource(scratch, {
      name,
      help: `Envoy statistic ${name.slice('envoy_'.length)}.`,
      type,
      collect: () => samples,
    });
  }
  yield* textOf(registry);
  yield* textOf(scratch);
}

/** Envoy's names stay, also where Prometheus would end a counter, and nothing else, in `_total`: such a family has no type. */
function exposedType(name: string, type: Stat['type']): MetricSource['type'] {
  return name.endsWith('_total') === (type === 'counter') ? type : 'untyped';
}
