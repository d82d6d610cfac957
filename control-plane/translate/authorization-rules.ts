import type { Permission } from '../../proto/gen/envoy/config/rbac/v3/Permission.js';
import type { Policy } from '../../proto/gen/envoy/config/rbac/v3/Policy.js';
import type { Principal } from '../../proto/gen/envoy/config/rbac/v3/Principal.js';
import type {
  AuthorizationOperation,
  AuthorizationRule,
  AuthorizationSource,
} from '../api/kinds/authorization-policy.js';
import { requestPrincipal } from './authorization-claims.js';
import { conditions } from './authorization-conditions.js';
import {
  httpOnly,
  NotCheckable,
  peerAccount,
  peerNamespace,
  peerPrincipals,
  peerTrustDomains,
  permission,
  portRule,
  principal,
  principalOfAll,
  type RuleScope,
} from './authorization-parts.js';
import { cidrRange, headerValue, pathRule } from './authorization-values.js';

export const NEVER: Policy = {
  permissions: [{ not_rule: { any: true } }],
  principals: [{ not_id: { any: true } }],
};

/**
 * The Envoy policy of one rule. An ALLOW rule with a condition that cannot be checked here matches nothing; in a DENY rule
 * such a condition is dropped.
 */
export function rulePolicy(rule: AuthorizationRule, scope: RuleScope): Policy {
  if (rule.unknownMatch === true && scope.action === 'ALLOW') return NEVER;
  try {
    const { permissions, principals } = conditions(rule.when ?? [], scope);
    const to = rule.to === undefined || rule.to.length === 0 ? [{}] : rule.to;
    const from = rule.from === undefined || rule.from.length === 0 ? [{}] : rule.from;
    return {
      permissions: to.map(({ operation }) => allOf([...operationRules(operation ?? {}, scope), ...permissions])),
      principals: from.map(({ source }) => allIds([...sourceIds(source ?? {}, scope), ...principals])),
    };
  } catch (error) {
    if (error instanceof NotCheckable) return NEVER;
    throw error;
  }
}

function allOf(rules: Permission[]): Permission {
  return { and_rules: { rules: rules.length === 0 ? [{ any: true }] : rules } };
}

function allIds(ids: Principal[]): Principal {
  return { and_ids: { ids: ids.length === 0 ? [{ any: true }] : ids } };
}

function operationRules(operation: AuthorizationOperation, scope: RuleScope): Permission[] {
  const { hosts, notHosts, methods, notMethods, paths, notPaths, ports, notPorts } = operation;
  return [
    ...httpOnly(
      scope,
      permission(hosts, notHosts, (host) => ({ header: headerValue(':authority', host, true) })),
    ),
    ...httpOnly(
      scope,
      permission(methods, notMethods, (method) => ({ header: headerValue(':method', method) })),
    ),
    ...httpOnly(scope, permission(paths, notPaths, pathRule)),
    ...permission(ports, notPorts, (port) => portRule(port, scope)),
  ];
}

function sourceIds(source: AuthorizationSource, scope: RuleScope): Principal[] {
  const { requestPrincipals, notRequestPrincipals, serviceAccounts, notServiceAccounts } = source;
  return [
    ...principal(source.principals, source.notPrincipals, (value) => peerPrincipals(value, scope)),
    ...httpOnly(scope, principalOfAll(requestPrincipals, notRequestPrincipals, requestPrincipal)),
    ...principal(serviceAccounts, notServiceAccounts, (value) => peerAccount(value, scope)),
    ...principal(source.trustDomains, source.notTrustDomains, (value) => peerTrustDomains(value, scope)),
    ...principal(source.namespaces, source.notNamespaces, peerNamespace),
    ...principal(source.ipBlocks, source.notIpBlocks, (block) => [{ direct_remote_ip: cidrRange(block) }]),
    ...principal(source.remoteIpBlocks, source.notRemoteIpBlocks, (block) => [{ remote_ip: cidrRange(block) }]),
  ];
}
