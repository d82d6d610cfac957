import type { ResponseCount as _weft_observe_v1_ResponseCount, ResponseCount__Output as _weft_observe_v1_ResponseCount__Output } from '../../../weft/observe/v1/ResponseCount.js';
import type { Long } from '@grpc/proto-loader';

export interface EdgeCounts {
  'edge'?: (number);
  'responses'?: (_weft_observe_v1_ResponseCount)[];
  'latency_sum_ms'?: (number | string);
  'latency_buckets'?: (number)[];
  'sent_bytes'?: (number | string | Long);
  'received_bytes'?: (number | string | Long);
  'opened'?: (number);
  'closed'?: (number);
  'open'?: (number);
}

export interface EdgeCounts__Output {
  'edge'?: (number);
  'responses'?: (_weft_observe_v1_ResponseCount__Output)[];
  'latency_sum_ms'?: (number | string);
  'latency_buckets'?: (number)[];
  'sent_bytes'?: (number);
  'received_bytes'?: (number);
  'opened'?: (number);
  'closed'?: (number);
  'open'?: (number);
}
