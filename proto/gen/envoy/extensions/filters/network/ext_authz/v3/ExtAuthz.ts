import type { GrpcService as _envoy_config_core_v3_GrpcService, GrpcService__Output as _envoy_config_core_v3_GrpcService__Output } from '../../../../../../envoy/config/core/v3/GrpcService.js';
import type { ApiVersion as _envoy_config_core_v3_ApiVersion, ApiVersion__Output as _envoy_config_core_v3_ApiVersion__Output } from '../../../../../../envoy/config/core/v3/ApiVersion.js';
import type { MetadataMatcher as _envoy_type_matcher_v3_MetadataMatcher, MetadataMatcher__Output as _envoy_type_matcher_v3_MetadataMatcher__Output } from '../../../../../../envoy/type/matcher/v3/MetadataMatcher.js';

export interface ExtAuthz {
  'stat_prefix'?: (string);
  'grpc_service'?: (_envoy_config_core_v3_GrpcService | null);
  'failure_mode_allow'?: (boolean);
  'include_peer_certificate'?: (boolean);
  'transport_api_version'?: (_envoy_config_core_v3_ApiVersion);
  'filter_enabled_metadata'?: (_envoy_type_matcher_v3_MetadataMatcher | null);
  'bootstrap_metadata_labels_key'?: (string);
  'include_tls_session'?: (boolean);
}

export interface ExtAuthz__Output {
  'stat_prefix'?: (string);
  'grpc_service'?: (_envoy_config_core_v3_GrpcService__Output);
  'failure_mode_allow'?: (boolean);
  'include_peer_certificate'?: (boolean);
  'transport_api_version'?: (_envoy_config_core_v3_ApiVersion__Output);
  'filter_enabled_metadata'?: (_envoy_type_matcher_v3_MetadataMatcher__Output);
  'bootstrap_metadata_labels_key'?: (string);
  'include_tls_session'?: (boolean);
}
