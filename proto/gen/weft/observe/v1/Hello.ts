import type { Node as _envoy_config_core_v3_Node, Node__Output as _envoy_config_core_v3_Node__Output } from '../../../envoy/config/core/v3/Node.js';

export interface Hello {
  'node'?: (_envoy_config_core_v3_Node | null);
}

export interface Hello__Output {
  'node'?: (_envoy_config_core_v3_Node__Output);
}
