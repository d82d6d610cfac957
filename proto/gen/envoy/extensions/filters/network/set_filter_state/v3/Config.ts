import type { FilterStateValue as _envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue, FilterStateValue__Output as _envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue__Output } from '../../../../../../envoy/extensions/filters/common/set_filter_state/v3/FilterStateValue.js';

export interface Config {
  'on_new_connection'?: (_envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue)[];
}

export interface Config__Output {
  'on_new_connection'?: (_envoy_extensions_filters_common_set_filter_state_v3_FilterStateValue__Output)[];
}
