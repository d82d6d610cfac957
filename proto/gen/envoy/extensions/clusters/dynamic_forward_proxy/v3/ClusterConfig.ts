import type { DnsCacheConfig as _envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig, DnsCacheConfig__Output as _envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig__Output } from '../../../../../envoy/extensions/common/dynamic_forward_proxy/v3/DnsCacheConfig.js';

export interface ClusterConfig {
  'dns_cache_config'?: (_envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig | null);
  'allow_insecure_cluster_options'?: (boolean);
  'allow_coalesced_connections'?: (boolean);
  'cluster_implementation_specifier'?: "dns_cache_config";
}

export interface ClusterConfig__Output {
  'dns_cache_config'?: (_envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig__Output);
  'allow_insecure_cluster_options'?: (boolean);
  'allow_coalesced_connections'?: (boolean);
}
