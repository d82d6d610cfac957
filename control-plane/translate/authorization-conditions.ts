import type { Permission } from '../../proto/gen/envoy/config/rbac/v3/Permission.js';
import type { Principal } from '../../proto/gen/envoy/config/rbac/v3/Principal.js';
import { bracketedNames } from '../api/claims.js';
import type { AuthorizationCondition } from '../api/kinds/authorization-policy.js';
import { claimPrincipal, filterMetadata, requestPrincipal } from './authorization-claims.js';
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
import { cidrRange, headerValue, valueMatcher } from './authorization-values.js';

/** What a rule asks for, by the two places where Envoy's policies have it. */
export interface Conditions {
  readonly permissions: readonly Permission[];
  readonly principals: readonly Principal[];
}

/** The conditions of a rule's `when`, of which all must hold. */
export function conditions(list: readonly AuthorizationCondition[], scope: RuleScope): Conditions {
  const permissions: Permission[] = [];
  const principals: Principal[] = [];
  for (const condition of list) {
    const ids = sourceCondition(condition, scope) ?? requestCondition(condition, scope);
    if (ids !== undefined) {
      principals.push(...ids);
      continue;
    }
    const rules = destinationCondition(condition, scope);
    if (rules !== undefined) permissions.push(...rules);
    // Validation lets no other key through; if one came, an ALLOW rule must not widen.
    else if (scope.action === 'ALLOW') throw new NotCheckable();
  }
  return { permissions, principals };
}

/** Who is connected. */
function sourceCondition(condition: AuthorizationCondition, scope: RuleScope): Principal[] | undefined {
  const { key, values, notValues } = condition;
  switch (key) {
    case 'source.ip':
      return principal(values, notValues, (value) => [{ direct_remote_ip: cidrRange(value) }]);
    case 'remote.ip':
      return principal(values, notValues, (value) => [{ remote_ip: cidrRange(value) }]);
    case 'source.namespace':
      return principal(values, notValues, peerNamespace);
    case 'source.principal':
      return principal(values, notValues, (value) => peerPrincipals(value, scope));
    case 'source.serviceAccount':
      return principal(values, notValues, (value) => peerAccount(value, scope));
    case 'source.trustDomain':
      return principal(values, notValues, (value) => peerTrustDomains(value, scope));
    default:
      return undefined;
  }
}

/** What a request brings: nothing of it is seen on TCP. */
function requestCondition(condition: AuthorizationCondition, scope: RuleScope): Principal[] | undefined {
  const { key, values, notValues } = condition;
  const claims = (build: (values: readonly string[]) => Principal): Principal[] =>
    httpOnly(scope, principalOfAll(values, notValues, build));
  if (key.startsWith('request.headers[')) {
    const header = key.slice('request.headers['.length, -1);
    return httpOnly(
      scope,
      principal(values, notValues, (value) => [{ header: headerValue(header, value) }]),
    );
  }
  if (key.startsWith('request.auth.claims[')) {
    const path = bracketedNames(key.slice('request.auth.claims'.length));
    return claims((list) => claimPrincipal(path, list));
  }
  switch (key) {
    case 'request.auth.principal':
      return claims(requestPrincipal);
    case 'request.auth.audiences':
      return claims((list) => claimPrincipal(['aud'], list));
    case 'request.auth.presenter':
      return claims((list) => claimPrincipal(['azp'], list));
    default:
      return undefined;
  }
}

function destinationCondition(condition: AuthorizationCondition, scope: RuleScope): Permission[] | undefined {
  const { key, values, notValues } = condition;
  switch (key) {
    case 'destination.ip':
      return permission(values, notValues, (value) => ({ destination_ip: cidrRange(value) }));
    case 'destination.port':
      return permission(values, notValues, (value) => portRule(value, scope));
    case 'connection.sni':
      return permission(values, notValues, (value) => ({ requested_server_name: valueMatcher(value) }));
    default:
      return key.startsWith('experimental.envoy.filters.') ? filterCondition(condition) : undefined;
  }
}

function filterCondition({ key, values = [], notValues = [] }: AuthorizationCondition): Permission[] | undefined {
  const wanted = values.length === 0 ? undefined : filterMetadata(key, values);
  const unwanted = notValues.length === 0 ? undefined : filterMetadata(key, notValues);
  if (wanted === undefined && unwanted === undefined) return undefined;
  return [...(wanted === undefined ? [] : [wanted]), ...(unwanted === undefined ? [] : [{ not_rule: unwanted }])];
}
