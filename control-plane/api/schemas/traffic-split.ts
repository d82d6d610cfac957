import type { TrafficSplitBackend, TrafficSplitSpec } from '../kinds/traffic-split.js';
import { parseQuantity } from '../quantity.js';
import { object, required, unsupported } from '../schema/object.js';
import { list, type Schema, shown } from '../schema/schema.js';
import { host, text } from './shared.js';

const weight: Schema<number | string> = {
  parse(value, path, report) {
    const amount = typeof value === 'number' || typeof value === 'string' ? parseQuantity(value) : undefined;
    if (amount !== undefined && amount >= 0 && (typeof value === 'number' || typeof value === 'string')) return value;
    report.error(path, `must be a weight of 0 or more, as a number or a quantity such as "900m", got ${shown(value)}`);
    return undefined;
  },
};

const backend: Schema<TrafficSplitBackend> = object<TrafficSplitBackend>({
  service: required(host),
  weight: required(weight),
});

/** TrafficSplit (split.smi-spec.io). */
export const trafficSplit: Schema<TrafficSplitSpec> = object<TrafficSplitSpec>({
  service: required(host),
  backends: required(list(backend, { min: 1 })),
  matches: unsupported(
    list(object<NonNullable<TrafficSplitSpec['matches']>[number]>({ apiGroup: text, kind: text, name: text })),
    'the split is left out',
  ),
});
