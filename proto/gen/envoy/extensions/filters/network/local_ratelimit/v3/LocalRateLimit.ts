import type { TokenBucket as _envoy_type_v3_TokenBucket, TokenBucket__Output as _envoy_type_v3_TokenBucket__Output } from '../../../../../../envoy/type/v3/TokenBucket.js';
import type { RuntimeFeatureFlag as _envoy_config_core_v3_RuntimeFeatureFlag, RuntimeFeatureFlag__Output as _envoy_config_core_v3_RuntimeFeatureFlag__Output } from '../../../../../../envoy/config/core/v3/RuntimeFeatureFlag.js';

export interface LocalRateLimit {
  'stat_prefix'?: (string);
  'token_bucket'?: (_envoy_type_v3_TokenBucket | null);
  'runtime_enabled'?: (_envoy_config_core_v3_RuntimeFeatureFlag | null);
  'share_key'?: (string);
}

export interface LocalRateLimit__Output {
  'stat_prefix'?: (string);
  'token_bucket'?: (_envoy_type_v3_TokenBucket__Output);
  'runtime_enabled'?: (_envoy_config_core_v3_RuntimeFeatureFlag__Output);
  'share_key'?: (string);
}
