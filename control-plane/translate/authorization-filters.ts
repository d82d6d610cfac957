import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { Policy } from '../../proto/gen/envoy/config/rbac/v3/Policy.js';
import type { RBAC } from '../../proto/gen/envoy/config/rbac/v3/RBAC.js';
import type { HttpFilter } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpFilter.js';
import type { WorkloadPolicy } from '../model/authorization.js';
import type { Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { NEVER, type RuleScope, rulePolicy } from './authorization-rules.js';
import { any } from './messages.js';

/** RBAC filters of an HTTP port: what is denied first, then what is allowed; none where no policy selects the workload. */
export function httpPolicyFilters(snapshot: MeshSnapshot, workload: Workload, port: number | undefined): HttpFilter[] {
  return policyRules(snapshot, workload, port, false).map((rules) => ({
    name: 'envoy.filters.http.rbac',
    typed_config: any(EXTENSION.httpRbac, { rules }),
  }));
}

/** The same for a port that is served as TCP. */
export function networkPolicyFilters(snapshot: MeshSnapshot, workload: Workload, port: number | undefined): Filter[] {
  return policyRules(snapshot, workload, port, true).map((rules) => ({
    name: 'envoy.filters.network.rbac',
    typed_config: any(EXTENSION.networkRbac, { rules, stat_prefix: 'tcp.' }),
  }));
}

function policyRules(snapshot: MeshSnapshot, workload: Workload, port: number | undefined, tcp: boolean): RBAC[] {
  const selected = snapshot.authorizationPolicies.of(workload);
  const { trustDomain, trustDomainAliases } = snapshot.settings;
  const trustDomains = [trustDomain, ...trustDomainAliases];
  return (['DENY', 'ALLOW'] as const).flatMap((action) => {
    const policies = selected.filter((policy) => policy.action === action);
    if (policies.length === 0) return [];
    const entries = policies.flatMap((policy) => policyEntries(policy, { action, tcp, port, trustDomains }));
    return [{ action, policies: Object.fromEntries(entries) }];
  });
}

/** Named as Istio does, so that logs and metrics say which rule it was. A policy without rules matches no request. */
function policyEntries(policy: WorkloadPolicy, scope: RuleScope): [string, Policy][] {
  const name = (rule: number): string => `ns[${policy.namespace}]-policy[${policy.name}]-rule[${rule}]`;
  if (policy.rules.length === 0) return [[name(0), NEVER]];
  return policy.rules.map((rule, i) => [name(i), rulePolicy(rule, scope)]);
}
