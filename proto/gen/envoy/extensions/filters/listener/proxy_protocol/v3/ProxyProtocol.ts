import type { _envoy_config_core_v3_ProxyProtocolConfig_Version, _envoy_config_core_v3_ProxyProtocolConfig_Version__Output } from '../../../../../../envoy/config/core/v3/ProxyProtocolConfig.js';

export interface ProxyProtocol {
  'allow_requests_without_proxy_protocol'?: (boolean);
  'disallowed_versions'?: (_envoy_config_core_v3_ProxyProtocolConfig_Version)[];
  'stat_prefix'?: (string);
}

export interface ProxyProtocol__Output {
  'allow_requests_without_proxy_protocol'?: (boolean);
  'disallowed_versions'?: (_envoy_config_core_v3_ProxyProtocolConfig_Version__Output)[];
  'stat_prefix'?: (string);
}
