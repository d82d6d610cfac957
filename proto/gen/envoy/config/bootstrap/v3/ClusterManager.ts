import type { BindConfig as _envoy_config_core_v3_BindConfig, BindConfig__Output as _envoy_config_core_v3_BindConfig__Output } from '../../../../envoy/config/core/v3/BindConfig.js';
import type { ApiConfigSource as _envoy_config_core_v3_ApiConfigSource, ApiConfigSource__Output as _envoy_config_core_v3_ApiConfigSource__Output } from '../../../../envoy/config/core/v3/ApiConfigSource.js';

export interface ClusterManager {
  'local_cluster_name'?: (string);
  'upstream_bind_config'?: (_envoy_config_core_v3_BindConfig | null);
  'load_stats_config'?: (_envoy_config_core_v3_ApiConfigSource | null);
  'enable_deferred_cluster_creation'?: (boolean);
}

export interface ClusterManager__Output {
  'local_cluster_name'?: (string);
  'upstream_bind_config'?: (_envoy_config_core_v3_BindConfig__Output);
  'load_stats_config'?: (_envoy_config_core_v3_ApiConfigSource__Output);
  'enable_deferred_cluster_creation'?: (boolean);
}
