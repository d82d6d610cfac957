import type { Permission } from '../../proto/gen/envoy/config/rbac/v3/Permission.js';
import type { Principal } from '../../proto/gen/envoy/config/rbac/v3/Principal.js';
import { accountMatcher, namespaceMatcher, principalMatchers, trustDomainMatcher } from './authorization-values.js';

/** Where a rule is going to be checked. */
export interface RuleScope {
  readonly action: 'ALLOW' | 'DENY' | 'LOG';
  /** On a TCP filter nothing of HTTP can be seen. */
  readonly tcp: boolean;
  /** Port of the application, since the sidecar's own is nobody's business; undefined where connections come to any. */
  readonly port: number | undefined;
  /** The mesh's, then its aliases. */
  readonly trustDomains: readonly string[];
  /** The policy's: that of service accounts without one. */
  readonly namespace: string;
}

/** A rule asks for something that cannot be seen here, such as HTTP on a TCP connection. */
export class NotCheckable extends Error {}

type Values = readonly string[] | undefined;

/** `values` or none of `notValues`, each list met by any of its members. */
export function permission(values: Values, notValues: Values, build: (value: string) => Permission): Permission[] {
  const any = (list: readonly string[]): Permission => ({ or_rules: { rules: list.map(build) } });
  return [
    ...(values !== undefined && values.length > 0 ? [any(values)] : []),
    ...(notValues !== undefined && notValues.length > 0 ? [{ not_rule: any(notValues) }] : []),
  ];
}

export function principal(values: Values, notValues: Values, build: (value: string) => Principal[]): Principal[] {
  return principalOfAll(values, notValues, (list) => ({ or_ids: { ids: list.flatMap(build) } }));
}

/** The same where one principal stands for a whole list. */
export function principalOfAll(
  values: Values,
  notValues: Values,
  build: (values: readonly string[]) => Principal,
): Principal[] {
  return [
    ...(values !== undefined && values.length > 0 ? [build(values)] : []),
    ...(notValues !== undefined && notValues.length > 0 ? [{ not_id: build(notValues) }] : []),
  ];
}

/** HTTP attributes: themselves on HTTP; on TCP nothing in a DENY rule, and the end of an ALLOW rule. */
export function httpOnly<T>(scope: RuleScope, built: T[]): T[] {
  if (built.length === 0 || !scope.tcp) return built;
  if (scope.action === 'ALLOW') throw new NotCheckable();
  return [];
}

/** Known at configuration time where a chain serves one application port. */
export function portRule(port: string, scope: RuleScope): Permission {
  if (scope.port === undefined) return { destination_port: Number(port) };
  return Number(port) === scope.port ? { any: true } : { not_rule: { any: true } };
}

export function peerPrincipals(value: string, scope: RuleScope): Principal[] {
  return principalMatchers(value, scope.trustDomains).map((principal_name) => ({ authenticated: { principal_name } }));
}

export function peerNamespace(value: string): Principal[] {
  return [{ authenticated: { principal_name: namespaceMatcher(value) } }];
}

/** `ACCOUNT`, of the policy's namespace, or `NAMESPACE/ACCOUNT`. */
export function peerAccount(value: string, scope: RuleScope): Principal[] {
  const [namespace, account] = value.includes('/') ? value.split('/') : [scope.namespace, value];
  return [{ authenticated: { principal_name: accountMatcher(namespace ?? '', account ?? '') } }];
}

/** Any trust domain of the mesh stands for all of them. */
export function peerTrustDomains(value: string, { trustDomains }: RuleScope): Principal[] {
  const names = trustDomains.includes(value) ? trustDomains : [value];
  return names.map((name) => ({ authenticated: { principal_name: trustDomainMatcher(name) } }));
}
