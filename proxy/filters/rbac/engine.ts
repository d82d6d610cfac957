import type { Policy__Output } from '../../../proto/gen/envoy/config/rbac/v3/Policy.js';
import type { RBAC__Output } from '../../../proto/gen/envoy/config/rbac/v3/RBAC.js';
import type { Issues } from '../../snapshot/issues.js';
import { any, type Condition, type Subject } from './condition.js';
import { compilePermission } from './permission.js';
import { compilePrincipal } from './principal.js';

export interface Decision {
  readonly allowed: boolean;
  /** Name of the policy that matched; undefined when none did. */
  readonly policy: string | undefined;
}

/** Compiled rules (envoy.config.rbac.v3.RBAC). */
export interface RbacEngine {
  readonly action: 'ALLOW' | 'DENY' | 'LOG';
  decide(subject: Subject): Decision;
}

interface CompiledPolicy {
  readonly decision: Decision;
  matches(subject: Subject): boolean;
}

/**
 * Compiles rules. ALLOW lets in what some policy matches, DENY what none matches, LOG everything. Policies are tried
 * by the order of their names.
 */
export function compileRbac(message: RBAC__Output, issues: Issues): RbacEngine {
  const action = message.action ?? 'ALLOW';
  const allowedOnMatch = action !== 'DENY';
  const unmatched: Decision = { allowed: action !== 'ALLOW', policy: undefined };
  const policies = Object.entries(message.policies ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => compilePolicy(name, policy, allowedOnMatch, action === 'DENY', issues));
  return {
    action: action === 'DENY' || action === 'LOG' ? action : 'ALLOW',
    decide(subject) {
      for (const policy of policies) if (policy.matches(subject)) return policy.decision;
      return unmatched;
    },
  };
}

function compilePolicy(
  name: string,
  message: Policy__Output,
  allowed: boolean,
  unknown: boolean,
  issues: Issues,
): CompiledPolicy {
  const at = issues.at(`policies[${name}]`);
  const permissions = (message.permissions ?? []).map((permission, index) =>
    compilePermission(permission, unknown, at.at('permissions').at(index)),
  );
  const principals = (message.principals ?? []).map((principal, index) =>
    compilePrincipal(principal, unknown, at.at('principals').at(index)),
  );
  if (permissions.length === 0) at.at('permissions').error('is empty');
  if (principals.length === 0) at.at('principals').error('is empty');
  const permitted: Condition = any(permissions);
  const identified: Condition = any(principals);
  return {
    decision: { allowed, policy: name },
    matches: (subject) => permitted(subject) && identified(subject),
  };
}

/** `%RESPONSE_CODE_DETAILS%` of a denial; white space in a policy's name becomes `_`. */
export function denialDetails(decision: Decision): string {
  return `rbac_access_denied_matched_policy[${(decision.policy ?? 'none').replace(/\s/g, '_')}]`;
}
