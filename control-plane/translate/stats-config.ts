import { isTagName } from '../../common/telemetry/standard-metrics.js';
import type { MetricConfig } from '../../proto/gen/stats/MetricConfig.js';
import type { PluginConfig } from '../../proto/gen/stats/PluginConfig.js';
import { durationMs } from '../model/mesh-settings.js';
import type { EffectiveMetric } from '../model/telemetry-metrics.js';
import type { Mode } from '../model/telemetry-tracing.js';
import type { ProxyContext } from './context.js';
import { duration } from './messages.js';

/** The part of the stats filter's configuration that Telemetry gives it. */
export type StatsFields = Pick<PluginConfig, 'metrics' | 'tcp_reporting_duration'>;

/** What the stats filters of this proxy change about the standard metrics; nothing where no Telemetry asks for it. */
export function statsFields({ snapshot, client }: ProxyContext, mode: Mode): StatsFields {
  const effective = snapshot.telemetries.metrics(client, mode);
  // The filter stays: the mesh's own graph lives on what it counts.
  if (effective === 'off') return { metrics: [{ drop: true }] };
  const { metrics, reportingInterval } = effective;
  const changed = metrics.filter(({ disabled, tags }) => disabled || Object.keys(tags).length > 0);
  return {
    ...(changed.length > 0 && { metrics: changed.map(metricConfig) }),
    ...(reportingInterval !== undefined && { tcp_reporting_duration: duration(durationMs(reportingInterval, 0)) }),
  };
}

function metricConfig({ name, disabled, tags }: EffectiveMetric): MetricConfig {
  const written = Object.entries(tags).filter(([tag]) => isTagName(tag));
  const removed = written.filter(([, value]) => value === undefined).map(([tag]) => tag);
  const set = written.flatMap(([tag, value]) => (value === undefined ? [] : [[tag, value] as const]));
  return {
    name,
    ...(disabled && { drop: true }),
    ...(removed.length > 0 && { tags_to_remove: removed.sort() }),
    ...(set.length > 0 && { dimensions: Object.fromEntries(set.sort(([a], [b]) => (a < b ? -1 : 1))) }),
  };
}
