import { messageOf } from '../../common/runtime/errors.js';
import { isTagName, METRIC_NAMES, STANDARD_TAGS } from '../../common/telemetry/standard-metrics.js';
import type { MetricConfig__Output } from '../../proto/gen/stats/MetricConfig.js';
import type { PluginConfig__Output } from '../../proto/gen/stats/PluginConfig.js';
import type { Issues } from '../snapshot/issues.js';
import { type CompiledExpression, type Expressions, showValue } from './expressions/compile.js';
import type { FormatContext } from './format.js';

type Labels = Readonly<Record<string, string>>;

/** What a configuration of the stats filter makes of the standard metrics (stats.PluginConfig.metrics). */
export interface MetricsShape {
  /** The same for configurations that say the same. */
  readonly key: string;
  /** Whether a metric, named without `istio_`, is told at all. */
  has(metric: string): boolean;
  /** Tags of a metric from the standard ones and the values of this shape's expressions. */
  tags(metric: string, standard: Labels, values: readonly string[]): Labels;
  /** The values of all expressions for a request or connection; undefined where there is none. */
  readonly values: ((context: FormatContext) => readonly string[]) | undefined;
}

/** As Istio's filter has it: a value that cannot be had. */
const UNKNOWN = 'unknown';
/** A label is no place for a document. */
const MAX_VALUE = 256;

interface Changes {
  dropped: boolean;
  readonly removed: Set<string>;
  /** Tag to the place of its expression. */
  readonly set: Map<string, number>;
}

/** undefined where nothing is changed, which is nearly everywhere. What cannot have an effect is warned of, as with Istio. */
export function compileMetricsShape(
  { metrics = [] }: PluginConfig__Output,
  expressions: Expressions,
  issues: Issues,
): MetricsShape | undefined {
  if (metrics.length === 0) return undefined;
  const changes = new Map<string, Changes>();
  const table = new ExpressionTable(expressions);
  for (const [index, config] of metrics.entries()) {
    const at = issues.at('metrics').at(index);
    issues.ignore(config, ['match']);
    const name = config.name ?? '';
    if (name !== '' && !METRIC_NAMES.has(name)) at.at('name').warn(`there is no metric ${name}`);
    const found = read(config, table, at);
    for (const metric of name === '' ? METRIC_NAMES : [name]) merge(changes, metric, found);
  }
  return shape(JSON.stringify(metrics), changes, table.compiled);
}

class ExpressionTable {
  readonly compiled: CompiledExpression[] = [];
  private readonly places = new Map<string, number>();

  constructor(private readonly expressions: Expressions) {}

  /** Throws for what is no expression. */
  place(source: string): number {
    let place = this.places.get(source);
    if (place === undefined) {
      place = this.compiled.push(this.expressions.compile(source)) - 1;
      this.places.set(source, place);
    }
    return place;
  }
}

function read(config: MetricConfig__Output, table: ExpressionTable, issues: Issues): Changes {
  const found: Changes = { dropped: config.drop === true, removed: new Set(), set: new Map() };
  if (found.dropped) return found;
  for (const [index, tag] of (config.tags_to_remove ?? []).entries()) {
    if (!STANDARD_TAGS.has(tag)) issues.at('tags_to_remove').at(index).warn(`there is no tag ${tag}`);
    found.removed.add(tag);
  }
  for (const [tag, source] of Object.entries(config.dimensions ?? {})) {
    const at = issues.at('dimensions').at(tag);
    if (!isTagName(tag)) at.warn('cannot be the name of a label');
    else readDimension(found, tag, source, table, at);
  }
  return found;
}

function readDimension(found: Changes, tag: string, source: string, table: ExpressionTable, issues: Issues): void {
  try {
    const place = table.place(source);
    const fault = table.compiled[place]?.fault;
    if (fault !== undefined) issues.warn(`is always "${UNKNOWN}": ${fault}`);
    found.removed.delete(tag);
    found.set.set(tag, place);
  } catch (error) {
    issues.warn(`the tag is left out: ${messageOf(error)}`);
    found.removed.add(tag);
  }
}

function merge(all: Map<string, Changes>, metric: string, found: Changes): void {
  const changes = all.get(metric) ?? { dropped: false, removed: new Set(), set: new Map() };
  all.set(metric, changes);
  changes.dropped ||= found.dropped;
  for (const tag of found.removed) {
    changes.removed.add(tag);
    changes.set.delete(tag);
  }
  for (const [tag, place] of found.set) {
    changes.set.set(tag, place);
    changes.removed.delete(tag);
  }
}

function shape(
  key: string,
  changes: ReadonlyMap<string, Changes>,
  compiled: readonly CompiledExpression[],
): MetricsShape {
  return {
    key,
    has: (metric) => changes.get(metric)?.dropped !== true,
    tags(metric, standard, values) {
      const changed = changes.get(metric);
      if (changed === undefined) return standard;
      const tags: Record<string, string> = { ...standard };
      for (const tag of changed.removed) delete tags[tag];
      for (const [tag, place] of changed.set) tags[tag] = values[place] ?? UNKNOWN;
      return tags;
    },
    values: compiled.length === 0 ? undefined : (context) => compiled.map((each) => shown(each.value(context))),
  };
}

/** A copy: a slice would keep the whole head that it was cut from. */
function shown(value: unknown): string {
  if (value === undefined) return UNKNOWN;
  return Buffer.from(showValue(value).slice(0, MAX_VALUE), 'utf8').toString('utf8');
}
