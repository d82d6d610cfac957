import { METRIC_NAMES, STANDARD_METRICS } from '../../common/telemetry/standard-metrics.js';
import type { Metrics, MetricsOverride } from '../api/kinds/telemetry.js';
import type { Mode } from './telemetry-tracing.js';

/** What Telemetry changes about one metric; none of the two where it is as Istio documents it. */
export interface EffectiveMetric {
  /** As a sidecar names it, without `istio_`. */
  readonly name: string;
  readonly disabled: boolean;
  /** Expressions by tag; undefined removes the tag. */
  readonly tags: Readonly<Record<string, string | undefined>>;
}

/** `off`: nothing is counted for Prometheus. */
export type EffectiveMetrics =
  | 'off'
  | { readonly metrics: readonly EffectiveMetric[]; readonly reportingInterval: string | undefined };

interface Merged {
  disabled: boolean;
  readonly tags: Record<string, string | undefined>;
}

/**
 * The entries of all levels, widest first, for one direction. As with Istio, a narrower list of providers replaces the
 * wider one, what applies to a provider is merged metric by metric and tag by tag, later entries first, and ALL_METRICS
 * switched off is undone by any later override for that direction. `counts` says which providers are of Prometheus.
 */
export function effectiveMetrics(
  entries: readonly Metrics[],
  mode: Mode,
  defaultProviders: readonly string[],
  counts: (provider: string) => boolean,
): EffectiveMetrics {
  const last = entries.findLast(({ providers }) => (providers ?? []).length > 0);
  const inScope = namesOf(last) ?? defaultProviders;
  const provider = [...inScope].sort().find(counts);
  if (provider === undefined) return 'off';
  const merged = new Map<string, Merged>();
  let off = false;
  let reportingInterval: string | undefined;
  let providers = defaultProviders;
  for (const entry of entries) {
    providers = namesOf(entry) ?? providers;
    if (!providers.includes(provider)) continue;
    reportingInterval = entry.reportingInterval ?? reportingInterval;
    for (const override of (entry.overrides ?? []).filter(concerns(mode))) {
      off = override.match?.metric === 'ALL_METRICS' && override.disabled === true;
      if (!off) mergeInto(merged, override);
    }
  }
  if (off) return 'off';
  const metrics = [...merged].map(([name, { disabled, tags }]) => ({ name, disabled, tags }));
  return { metrics: metrics.sort((a, b) => (a.name < b.name ? -1 : 1)), reportingInterval };
}

function namesOf(entry: Metrics | undefined): readonly string[] | undefined {
  const names = (entry?.providers ?? []).map(({ name }) => name);
  return names.length > 0 ? names : undefined;
}

function concerns(mode: Mode): (override: MetricsOverride) => boolean {
  return ({ match }) => {
    const wanted = match?.mode;
    return wanted === mode || (wanted !== 'CLIENT' && wanted !== 'SERVER');
  };
}

function mergeInto(merged: Map<string, Merged>, { match, disabled, tagOverrides = {} }: MetricsOverride): void {
  for (const name of matched(match)) {
    const metric = merged.get(name) ?? { disabled: false, tags: {} };
    merged.set(name, metric);
    if (disabled !== undefined) metric.disabled = disabled;
    for (const [tag, { operation, value }] of Object.entries(tagOverrides)) {
      metric.tags[tag] = operation === 'REMOVE' ? undefined : (value ?? '');
    }
  }
}

function matched(match: MetricsOverride['match']): readonly string[] {
  if (match?.customMetric !== undefined) return METRIC_NAMES.has(match.customMetric) ? [match.customMetric] : [];
  if (match?.metric === undefined || match.metric === 'ALL_METRICS') return [...METRIC_NAMES];
  return [STANDARD_METRICS[match.metric as keyof typeof STANDARD_METRICS]];
}
