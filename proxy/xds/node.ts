import { programVersion } from '../../common/runtime/version.js';
import type { Node__Output } from '../../proto/gen/envoy/config/core/v3/Node.js';

/** The node of the bootstrap as we present ourselves: control planes choose by the agent's name what to send. */
export function ownNode(node: Node__Output): Node__Output {
  return { ...node, user_agent_name: 'weft', user_agent_version: programVersion() };
}
