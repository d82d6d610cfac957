import type { UInt32Value as _google_protobuf_UInt32Value, UInt32Value__Output as _google_protobuf_UInt32Value__Output } from '../../../../../google/protobuf/UInt32Value.js';

export interface DnsCacheCircuitBreakers {
  'max_pending_requests'?: (_google_protobuf_UInt32Value | null);
}

export interface DnsCacheCircuitBreakers__Output {
  'max_pending_requests'?: (_google_protobuf_UInt32Value__Output);
}
