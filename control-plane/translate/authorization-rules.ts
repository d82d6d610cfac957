import type { Permission } from '../../proto/gen/envoy/config/rbac/v3/Permission.js';
import type { Policy } from '../../proto/gen/envoy/config/rbac/v3/Policy.js';
import type { Principal } from '../../proto/gen/envoy/config/rbac/v3/Principal.js';
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationRule,
  AuthorizationSource,
} from '../api/kinds/authorization-policy.js';
import { cidrRange, headerValue, namespaceMatcher, principalMatchers, valueMatcher } from './authorization-values.js';

export interface RuleScope {
  readonly action: 'ALLOW' | 'DENY';
  /** On a TCP filter nothing of HTTP can be seen. */
  readonly tcp: boolean;
  /** Port of the application, since the sidecar's own is nobody's business; undefined where connections come to any. */
  readonly port: number | undefined;
  /** The mesh's, then its aliases. */
  readonly trustDomains: readonly string[];
}

export const NEVER: Policy = {
  permissions: [{ not_rule: { any: true } }],
  principals: [{ not_id: { any: true } }],
};

/** A rule asks for something that cannot be seen here, such as HTTP on a TCP connection. */
class NotCheckable extends Error {}

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

type Values = readonly string[] | undefined;

/** `values` or none of `notValues`, each list met by any of its members. */
function permission(values: Values, notValues: Values, build: (value: string) => Permission): Permission[] {
  const any = (list: readonly string[]): Permission => ({ or_rules: { rules: list.map(build) } });
  return [
    ...(values !== undefined && values.length > 0 ? [any(values)] : []),
    ...(notValues !== undefined && notValues.length > 0 ? [{ not_rule: any(notValues) }] : []),
  ];
}

function principal(values: Values, notValues: Values, build: (value: string) => Principal[]): Principal[] {
  const any = (list: readonly string[]): Principal => ({ or_ids: { ids: list.flatMap(build) } });
  return [
    ...(values !== undefined && values.length > 0 ? [any(values)] : []),
    ...(notValues !== undefined && notValues.length > 0 ? [{ not_id: any(notValues) }] : []),
  ];
}

/** HTTP attributes: themselves on HTTP, nothing in a DENY rule on TCP, and the end of an ALLOW rule there. */
function httpOnly<T>(scope: RuleScope, built: T[]): T[] {
  if (built.length === 0 || !scope.tcp) return built;
  if (scope.action === 'ALLOW') throw new NotCheckable();
  return [];
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
    ...httpOnly(
      scope,
      permission(paths, notPaths, (path) => ({ url_path: { path: valueMatcher(path) } })),
    ),
    ...permission(ports, notPorts, (port) => portRule(port, scope)),
  ];
}

/** Known at configuration time where a chain serves one application port. */
function portRule(port: string, scope: RuleScope): Permission {
  if (scope.port === undefined) return { destination_port: Number(port) };
  return Number(port) === scope.port ? { any: true } : { not_rule: { any: true } };
}

function sourceIds(source: AuthorizationSource, scope: RuleScope): Principal[] {
  return [
    ...principal(source.principals, source.notPrincipals, (value) => peerPrincipals(value, scope)),
    ...principal(source.namespaces, source.notNamespaces, peerNamespace),
    ...principal(source.ipBlocks, source.notIpBlocks, (block) => [{ direct_remote_ip: cidrRange(block) }]),
    ...principal(source.remoteIpBlocks, source.notRemoteIpBlocks, (block) => [{ remote_ip: cidrRange(block) }]),
  ];
}

function peerPrincipals(value: string, scope: RuleScope): Principal[] {
  return principalMatchers(value, scope.trustDomains).map((principal_name) => ({ authenticated: { principal_name } }));
}

function peerNamespace(value: string): Principal[] {
  return [{ authenticated: { principal_name: namespaceMatcher(value) } }];
}

const HEADER_KEY = /^request\.headers\[(.+)\]$/;

function conditions(
  list: readonly AuthorizationCondition[],
  scope: RuleScope,
): { permissions: Permission[]; principals: Principal[] } {
  const permissions: Permission[] = [];
  const principals: Principal[] = [];
  for (const condition of list) {
    const { key, values, notValues } = condition;
    const header = HEADER_KEY.exec(key)?.[1];
    if (header !== undefined) {
      const ids = principal(values, notValues, (value) => [{ header: headerValue(header, value) }]);
      principals.push(...httpOnly(scope, ids));
      continue;
    }
    switch (key) {
      case 'source.ip':
        principals.push(...principal(values, notValues, (value) => [{ direct_remote_ip: cidrRange(value) }]));
        break;
      case 'remote.ip':
        principals.push(...principal(values, notValues, (value) => [{ remote_ip: cidrRange(value) }]));
        break;
      case 'source.namespace':
        principals.push(...principal(values, notValues, peerNamespace));
        break;
      case 'source.principal':
        principals.push(...principal(values, notValues, (value) => peerPrincipals(value, scope)));
        break;
      case 'destination.ip':
        permissions.push(...permission(values, notValues, (value) => ({ destination_ip: cidrRange(value) })));
        break;
      case 'destination.port':
        permissions.push(...permission(values, notValues, (value) => portRule(value, scope)));
        break;
      case 'connection.sni':
        permissions.push(...permission(values, notValues, (value) => ({ requested_server_name: valueMatcher(value) })));
        break;
      default:
        // Validation lets no other key through; if one came, an ALLOW rule must not widen.
        if (scope.action === 'ALLOW') throw new NotCheckable();
    }
  }
  return { permissions, principals };
}
