import type { EdgeDefinition as _weft_observe_v1_EdgeDefinition, EdgeDefinition__Output as _weft_observe_v1_EdgeDefinition__Output } from '../../../weft/observe/v1/EdgeDefinition.js';
import type { EdgeCounts as _weft_observe_v1_EdgeCounts, EdgeCounts__Output as _weft_observe_v1_EdgeCounts__Output } from '../../../weft/observe/v1/EdgeCounts.js';
import type { ClusterHealth as _weft_observe_v1_ClusterHealth, ClusterHealth__Output as _weft_observe_v1_ClusterHealth__Output } from '../../../weft/observe/v1/ClusterHealth.js';
import type { Long } from '@grpc/proto-loader';

export interface Sample {
  'definitions'?: (_weft_observe_v1_EdgeDefinition)[];
  'edges'?: (_weft_observe_v1_EdgeCounts)[];
  'clusters'?: (_weft_observe_v1_ClusterHealth)[];
  'certificate_not_after'?: (number | string | Long);
  'draining'?: (boolean);
  'interval_ms'?: (number);
  'inbound_connections'?: (number);
  '_inbound_connections'?: "inbound_connections";
}

export interface Sample__Output {
  'definitions'?: (_weft_observe_v1_EdgeDefinition__Output)[];
  'edges'?: (_weft_observe_v1_EdgeCounts__Output)[];
  'clusters'?: (_weft_observe_v1_ClusterHealth__Output)[];
  'certificate_not_after'?: (number);
  'draining'?: (boolean);
  'interval_ms'?: (number);
  'inbound_connections'?: (number);
}
