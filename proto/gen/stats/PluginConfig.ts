import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../google/protobuf/Duration.js';
import type { MetricConfig as _stats_MetricConfig, MetricConfig__Output as _stats_MetricConfig__Output } from '../stats/MetricConfig.js';
import type { MetricDefinition as _stats_MetricDefinition, MetricDefinition__Output as _stats_MetricDefinition__Output } from '../stats/MetricDefinition.js';

export interface PluginConfig {
  'disable_host_header_fallback'?: (boolean);
  'tcp_reporting_duration'?: (_google_protobuf_Duration | null);
  'metrics'?: (_stats_MetricConfig)[];
  'definitions'?: (_stats_MetricDefinition)[];
  'reporter'?: (number);
  'rotation_interval'?: (_google_protobuf_Duration | null);
  'graceful_deletion_interval'?: (_google_protobuf_Duration | null);
}

export interface PluginConfig__Output {
  'disable_host_header_fallback'?: (boolean);
  'tcp_reporting_duration'?: (_google_protobuf_Duration__Output);
  'metrics'?: (_stats_MetricConfig__Output)[];
  'definitions'?: (_stats_MetricDefinition__Output)[];
  'reporter'?: (number);
  'rotation_interval'?: (_google_protobuf_Duration__Output);
  'graceful_deletion_interval'?: (_google_protobuf_Duration__Output);
}
