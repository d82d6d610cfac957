import { resolveHost } from '../api/hosts.js';
import type { TrafficSplitSpec } from '../api/kinds/traffic-split.js';
import type { ConfigObject } from '../api/object.js';
import { parseQuantity } from '../api/quantity.js';
import { byAge } from './order.js';
import type { VirtualServices } from './virtual-services.js';

export interface Split {
  readonly host: string;
  readonly namespace: string;
  readonly name: string;
  /** Integers; only their ratio counts. */
  readonly backends: readonly { readonly host: string; readonly weight: number }[];
}

/** TrafficSplits by the host of their apex service. */
export type TrafficSplits = ReadonlyMap<string, Split>;

/** A VirtualService of the same host goes first, and the oldest split of a host counts. */
export function trafficSplits(
  objects: readonly ConfigObject<TrafficSplitSpec>[],
  virtualServices: VirtualServices,
): TrafficSplits {
  const splits = new Map<string, Split>();
  for (const object of [...objects].sort(byAge)) {
    const { metadata, spec } = object;
    // Splitting all requests where only some were meant would be worse than splitting none.
    if ((spec.matches ?? []).length > 0) continue;
    const host = resolveHost(spec.service, metadata.namespace);
    if (virtualServices.find(host, metadata.namespace) !== undefined || splits.has(host)) continue;
    const { namespace, name } = metadata;
    splits.set(host, { host, namespace, name, backends: backends(spec, namespace) });
  }
  return splits;
}

/** Largest sum of a route's weights that we send; Envoy's limit is 2^32 - 1. */
const MAX_TOTAL = 1_000_000_000;

/** Route weights are integers: quantities such as `900m` count in thousandths, and huge ones are scaled down. */
function backends(spec: TrafficSplitSpec, namespace: string): Split['backends'] {
  const weights = spec.backends.map(({ weight }) => Math.max(0, parseQuantity(weight) ?? 0));
  const fine = weights.every(Number.isInteger) ? 1 : 1000;
  const total = weights.reduce((sum, weight) => sum + weight * fine, 0);
  const scale = total > MAX_TOTAL ? (fine * MAX_TOTAL) / total : fine;
  return spec.backends.map((backend, i) => ({
    host: resolveHost(backend.service, namespace),
    weight: Math.round((weights[i] ?? 0) * scale),
  }));
}
