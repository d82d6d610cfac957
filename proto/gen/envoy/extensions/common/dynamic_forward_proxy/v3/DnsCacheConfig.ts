import type { _envoy_config_cluster_v3_Cluster_DnsLookupFamily, _envoy_config_cluster_v3_Cluster_DnsLookupFamily__Output } from '../../../../../envoy/config/cluster/v3/Cluster.js';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../../../../google/protobuf/Duration.js';
import type { UInt32Value as _google_protobuf_UInt32Value, UInt32Value__Output as _google_protobuf_UInt32Value__Output } from '../../../../../google/protobuf/UInt32Value.js';
import type { _envoy_config_cluster_v3_Cluster_RefreshRate, _envoy_config_cluster_v3_Cluster_RefreshRate__Output } from '../../../../../envoy/config/cluster/v3/Cluster.js';
import type { DnsCacheCircuitBreakers as _envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheCircuitBreakers, DnsCacheCircuitBreakers__Output as _envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheCircuitBreakers__Output } from '../../../../../envoy/extensions/common/dynamic_forward_proxy/v3/DnsCacheCircuitBreakers.js';
import type { SocketAddress as _envoy_config_core_v3_SocketAddress, SocketAddress__Output as _envoy_config_core_v3_SocketAddress__Output } from '../../../../../envoy/config/core/v3/SocketAddress.js';
import type { TypedExtensionConfig as _envoy_config_core_v3_TypedExtensionConfig, TypedExtensionConfig__Output as _envoy_config_core_v3_TypedExtensionConfig__Output } from '../../../../../envoy/config/core/v3/TypedExtensionConfig.js';

export interface DnsCacheConfig {
  'name'?: (string);
  'dns_lookup_family'?: (_envoy_config_cluster_v3_Cluster_DnsLookupFamily);
  'dns_refresh_rate'?: (_google_protobuf_Duration | null);
  'host_ttl'?: (_google_protobuf_Duration | null);
  'max_hosts'?: (_google_protobuf_UInt32Value | null);
  'dns_failure_refresh_rate'?: (_envoy_config_cluster_v3_Cluster_RefreshRate | null);
  'dns_cache_circuit_breaker'?: (_envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheCircuitBreakers | null);
  'use_tcp_for_dns_lookups'?: (boolean);
  'preresolve_hostnames'?: (_envoy_config_core_v3_SocketAddress)[];
  'dns_query_timeout'?: (_google_protobuf_Duration | null);
  'typed_dns_resolver_config'?: (_envoy_config_core_v3_TypedExtensionConfig | null);
  'dns_min_refresh_rate'?: (_google_protobuf_Duration | null);
}

export interface DnsCacheConfig__Output {
  'name'?: (string);
  'dns_lookup_family'?: (_envoy_config_cluster_v3_Cluster_DnsLookupFamily__Output);
  'dns_refresh_rate'?: (_google_protobuf_Duration__Output);
  'host_ttl'?: (_google_protobuf_Duration__Output);
  'max_hosts'?: (_google_protobuf_UInt32Value__Output);
  'dns_failure_refresh_rate'?: (_envoy_config_cluster_v3_Cluster_RefreshRate__Output);
  'dns_cache_circuit_breaker'?: (_envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheCircuitBreakers__Output);
  'use_tcp_for_dns_lookups'?: (boolean);
  'preresolve_hostnames'?: (_envoy_config_core_v3_SocketAddress__Output)[];
  'dns_query_timeout'?: (_google_protobuf_Duration__Output);
  'typed_dns_resolver_config'?: (_envoy_config_core_v3_TypedExtensionConfig__Output);
  'dns_min_refresh_rate'?: (_google_protobuf_Duration__Output);
}
