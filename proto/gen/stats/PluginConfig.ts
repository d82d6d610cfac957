import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../google/protobuf/Duration.js';
import type { MetricConfig as _stats_MetricConfig, MetricConfig__Output as _stats_MetricConfig__Output } from '../stats/MetricConfig.js';

export interface PluginConfig {
  'disable_host_header_fallback'?: (boolean);
  'tcp_reporting_duration'?: (_google_protobuf_Duration | null);
  'metrics'?: (_stats_MetricConfig)[];
}

export interface PluginConfig__Output {
  'disable_host_header_fallback'?: (boolean);
  'tcp_reporting_duration'?: (_google_protobuf_Duration__Output);
  'metrics'?: (_stats_MetricConfig__Output)[];
}
