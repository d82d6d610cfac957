import type { SubstitutionFormatString as _envoy_config_core_v3_SubstitutionFormatString, SubstitutionFormatString__Output as _envoy_config_core_v3_SubstitutionFormatString__Output } from '../../../../../../envoy/config/core/v3/SubstitutionFormatString.js';

export const _envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue_SharedWithUpstream = {
  NONE: 'NONE',
  ONCE: 'ONCE',
  TRANSITIVE: 'TRANSITIVE',
} as const;

export type _envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue_SharedWithUpstream =
  | 'NONE'
  | 0
  | 'ONCE'
  | 1
  | 'TRANSITIVE'
  | 2

export type _envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue_SharedWithUpstream__Output = typeof _envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue_SharedWithUpstream[keyof typeof _envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue_SharedWithUpstream]

export interface FilterStateValue {
  'object_key'?: (string);
  'format_string'?: (_envoy_config_core_v3_SubstitutionFormatString | null);
  'read_only'?: (boolean);
  'shared_with_upstream'?: (_envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue_SharedWithUpstream);
  'skip_if_empty'?: (boolean);
  'factory_key'?: (string);
  'key'?: "object_key";
  'value'?: "format_string";
}

export interface FilterStateValue__Output {
  'object_key'?: (string);
  'format_string'?: (_envoy_config_core_v3_SubstitutionFormatString__Output);
  'read_only'?: (boolean);
  'shared_with_upstream'?: (_envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue_SharedWithUpstream__Output);
  'skip_if_empty'?: (boolean);
  'factory_key'?: (string);
}
