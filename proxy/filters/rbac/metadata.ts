import type { MetadataFields } from '../../http/dynamic-metadata.js';
import type { Decision } from './engine.js';

/** Name under which the HTTP filter tells what it decided. */
export const HTTP_RBAC = 'envoy.filters.http.rbac';

const HINTS: readonly MetadataFields[] = [{ access_log_hint: false }, { access_log_hint: true }];

/** What rules of action LOG leave for access logs, in `envoy.common`: whether a policy matched. */
export function logHint({ policy }: Decision): MetadataFields {
  return HINTS[policy === undefined ? 0 : 1] ?? {};
}

/** What the two kinds of rules of one filter decided, as dynamic metadata. The engine has few decisions: each is made once. */
export class RbacMetadata {
  readonly shadow: (decision: Decision) => MetadataFields;
  readonly enforced: (decision: Decision) => MetadataFields;

  constructor(message: { readonly rules_stat_prefix?: string; readonly shadow_rules_stat_prefix?: string }) {
    this.shadow = fields(`${message.shadow_rules_stat_prefix ?? ''}shadow_`);
    this.enforced = fields(`${message.rules_stat_prefix ?? ''}enforced_`);
  }
}

function fields(prefix: string): (decision: Decision) => MetadataFields {
  const known = new WeakMap<Decision, MetadataFields>();
  return (decision) => {
    let metadata = known.get(decision);
    if (metadata === undefined) {
      const { policy, allowed } = decision;
      metadata = {
        ...(policy !== undefined && { [`${prefix}effective_policy_id`]: policy }),
        [`${prefix}engine_result`]: allowed ? 'allowed' : 'denied',
      };
      known.set(decision, metadata);
    }
    return metadata;
  };
}
