import type { BoolValue as _google_protobuf_BoolValue, BoolValue__Output as _google_protobuf_BoolValue__Output } from '../../../../../../google/protobuf/BoolValue.js';

export interface FilterConfig {
  'emit_filter_state'?: (boolean);
  'stats_for_all_methods'?: (_google_protobuf_BoolValue | null);
  'enable_upstream_stats'?: (boolean);
  'replace_dots_in_grpc_service_name'?: (boolean);
  'per_method_stat_specifier'?: "stats_for_all_methods";
}

export interface FilterConfig__Output {
  'emit_filter_state'?: (boolean);
  'stats_for_all_methods'?: (_google_protobuf_BoolValue__Output);
  'enable_upstream_stats'?: (boolean);
  'replace_dots_in_grpc_service_name'?: (boolean);
}
