import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { Policy } from '../../proto/gen/envoy/config/rbac/v3/Policy.js';
import type { RBAC } from '../../proto/gen/envoy/config/rbac/v3/RBAC.js';
import type { RBAC as HttpRbac } from '../../proto/gen/envoy/extensions/filters/http/rbac/v3/RBAC.js';
import type { HttpFilter } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpFilter.js';
import type { WorkloadPolicy } from '../model/authorization.js';
import type { Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { RuleScope } from './authorization-parts.js';
import { NEVER, rulePolicy } from './authorization-rules.js';
import type { ProxyContext } from './context.js';
import { type ExtAuthz, extAuthz, policyPrefix, SHADOW_PREFIX } from './ext-authz.js';
import { any } from './messages.js';

/** RBAC filters of an HTTP port: what is only noted, what is denied, then what is allowed; none where no policy selects the workload. */
export function httpPolicyFilters(snapshot: MeshSnapshot, workload: Workload, port: number | undefined): HttpFilter[] {
  return policyRules(snapshot, workload, port, false).map((rules) => ({
    name: 'envoy.filters.http.rbac',
    typed_config: any(EXTENSION.httpRbac, rules),
  }));
}

/** The same for a port that is served as TCP. */
export function networkPolicyFilters(snapshot: MeshSnapshot, workload: Workload, port: number | undefined): Filter[] {
  return policyRules(snapshot, workload, port, true).map((rules) => ({
    name: 'envoy.filters.network.rbac',
    typed_config: any(EXTENSION.networkRbac, { ...rules, stat_prefix: 'tcp.' }),
  }));
}

/** What is asked of authorization services (action CUSTOM), on an HTTP port; before all that policies say themselves. */
export function httpCustomFilters(context: ProxyContext, workload: Workload, port: number | undefined): HttpFilter[] {
  return customRules(context, workload, port, false).flatMap(({ rules, ask }): HttpFilter[] => [
    { name: 'envoy.filters.http.rbac', typed_config: any(EXTENSION.httpRbac, rules) },
    ...(ask === undefined ? [] : [{ name: 'envoy.filters.http.ext_authz', typed_config: ask.http }]),
  ]);
}

/** The same for a port that is served as TCP, where only gRPC services are asked. */
export function networkCustomFilters(context: ProxyContext, workload: Workload, port: number | undefined): Filter[] {
  return customRules(context, workload, port, true).flatMap(({ rules, ask }): Filter[] => {
    if (ask !== undefined && ask.tcp === undefined) return [];
    const rbac = any(EXTENSION.networkRbac, { ...rules, stat_prefix: 'tcp.' });
    return [
      { name: 'envoy.filters.network.rbac', typed_config: rbac },
      ...(ask?.tcp === undefined ? [] : [{ name: 'envoy.filters.network.ext_authz', typed_config: ask.tcp }]),
    ];
  });
}

interface CustomRules {
  readonly rules: PolicyRules;
  /** undefined where nobody can be asked: the rules deny then. */
  readonly ask: ExtAuthz | undefined;
}

/** For each provider the rules by which it is asked. They are shadow rules: they only tell ext_authz what they matched. */
function customRules(context: ProxyContext, workload: Workload, port: number | undefined, tcp: boolean): CustomRules[] {
  const { snapshot } = context;
  const custom = snapshot.authorizationPolicies
    .of(workload)
    .filter(({ action, dryRun }) => action === 'CUSTOM' && !dryRun);
  const providers = [...new Set(custom.map(({ provider }) => provider))].sort();
  return providers.map((provider) => {
    const ask = extAuthz(context, provider);
    const prefix = policyPrefix(provider);
    const entries = custom
      .filter((policy) => policy.provider === provider)
      .flatMap((policy) => policyEntries(policy, scopeOf(snapshot, policy, 'DENY', tcp, port)));
    const named = (suffix: string): Record<string, Policy> =>
      Object.fromEntries(entries.map(([name, policy]) => [`${prefix}${name}${suffix}`, policy]));
    const rules: PolicyRules =
      ask === undefined
        ? { rules: { action: 'DENY', policies: named('-deny-due-to-bad-CUSTOM-action') } }
        : { shadow_rules: { action: 'DENY', policies: named('') }, shadow_rules_stat_prefix: SHADOW_PREFIX };
    return { rules, ask };
  });
}

function scopeOf(
  { settings }: MeshSnapshot,
  { namespace }: WorkloadPolicy,
  action: RuleScope['action'],
  tcp: boolean,
  port: number | undefined,
): RuleScope {
  return { action, tcp, port, trustDomains: [settings.trustDomain, ...settings.trustDomainAliases], namespace };
}

/** What both kinds of RBAC filter have in common. */
type PolicyRules = Pick<HttpRbac, 'rules' | 'shadow_rules' | 'shadow_rules_stat_prefix'>;

const ACTIONS = [
  { action: 'AUDIT', rbac: 'LOG', shadow: '' },
  { action: 'DENY', rbac: 'DENY', shadow: 'istio_dry_run_deny_' },
  { action: 'ALLOW', rbac: 'ALLOW', shadow: 'istio_dry_run_allow_' },
] as const;

/** One filter for each action that a policy asks for; policies that only try out what they would do are its shadow rules. */
function policyRules(
  snapshot: MeshSnapshot,
  workload: Workload,
  port: number | undefined,
  tcp: boolean,
): PolicyRules[] {
  const selected = snapshot.authorizationPolicies.of(workload);
  return ACTIONS.flatMap(({ action, rbac, shadow }) => {
    const ofAction = selected.filter((policy) => policy.action === action);
    const rulesOf = (dryRun: boolean): RBAC | undefined => {
      const policies = ofAction.filter((policy) => policy.dryRun === dryRun);
      if (policies.length === 0) return undefined;
      const entries = policies.flatMap((policy) => policyEntries(policy, scopeOf(snapshot, policy, rbac, tcp, port)));
      return { action: rbac, policies: Object.fromEntries(entries) };
    };
    const rules = rulesOf(false);
    const shadowRules = rulesOf(true);
    if (rules === undefined && shadowRules === undefined) return [];
    return [
      {
        ...(rules !== undefined && { rules }),
        ...(shadowRules !== undefined && { shadow_rules: shadowRules, shadow_rules_stat_prefix: shadow }),
      },
    ];
  });
}

/** Named as Istio does, so that logs and metrics say which rule it was. A policy without rules matches no request. */
function policyEntries(policy: WorkloadPolicy, scope: RuleScope): [string, Policy][] {
  const name = (rule: number): string => `ns[${policy.namespace}]-policy[${policy.name}]-rule[${rule}]`;
  if (policy.rules.length === 0) return [[name(0), NEVER]];
  return policy.rules.map((rule, i) => [name(i), rulePolicy(rule, scope)]);
}
