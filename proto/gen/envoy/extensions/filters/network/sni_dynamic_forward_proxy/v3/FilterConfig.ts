import type { DnsCacheConfig as _envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig, DnsCacheConfig__Output as _envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig__Output } from '../../../../../../envoy/extensions/common/dynamic_forward_proxy/v3/DnsCacheConfig.js';

export interface FilterConfig {
  'dns_cache_config'?: (_envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig | null);
  'port_value'?: (number);
  'port_specifier'?: "port_value";
}

export interface FilterConfig__Output {
  'dns_cache_config'?: (_envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig__Output);
  'port_value'?: (number);
}
