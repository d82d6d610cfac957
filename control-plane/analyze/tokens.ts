import { routingClaim } from '../api/claims.js';
import type { AuthorizationPolicySpec, AuthorizationRule } from '../api/kinds/authorization-policy.js';
import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';
import { DRY_RUN } from '../model/authorization.js';
import { jwksKey } from '../model/jwks.js';
import { attaches, policyAttachment } from '../model/policy-attachment.js';
import { RequestAuthentications } from '../model/request-authentication.js';
import { gatewayKey } from '../model/virtual-services.js';
import { AnalysisCode } from './codes.js';
import type { KnownWorkload, Registry } from './registry.js';
import type { Reporter } from './reporter.js';

/** Rules about tokens that nobody checks, keys that cannot be had, and annotations that say nothing. */
export function checkTokens(registry: Registry, report: Reporter): void {
  const authentications = new RequestAuthentications(registry.all('RequestAuthentication'), registry.rootNamespace);
  const unchecked = (workload: KnownWorkload): boolean => authentications.of(workload).length === 0;
  for (const policy of registry.all('AuthorizationPolicy')) {
    checkPolicy(policy, registry, unchecked, report);
    checkDryRun(policy, report);
  }
  for (const service of registry.all('VirtualService')) checkRouting(service, registry, unchecked, report);
  checkKeys(registry, report);
}

function checkPolicy(
  policy: ConfigObject<AuthorizationPolicySpec>,
  registry: Registry,
  unchecked: (workload: KnownWorkload) => boolean,
  report: Reporter,
): void {
  const field = tokenField(policy.spec.rules ?? []);
  if (field === undefined) return;
  const { namespace } = policy.metadata;
  const attachment = policyAttachment(namespace, policy.spec);
  const scope = namespace === registry.rootNamespace ? undefined : namespace;
  const without = registry
    .selected(scope, attachment.selector)
    .find((workload) => attaches(attachment, workload) && unchecked(workload));
  if (without === undefined) return;
  report.warning(
    policy,
    AnalysisCode.tokensUnchecked,
    `spec.${field}`,
    `no RequestAuthentication is for ${without.title}: no token is checked there, so nobody has claims, and what asks for them is never met`,
  );
}

/** The first field of a policy that asks for a token. */
function tokenField(rules: readonly AuthorizationRule[]): string | undefined {
  for (const [i, rule] of rules.entries()) {
    for (const [j, { source }] of (rule.from ?? []).entries()) {
      for (const name of ['requestPrincipals', 'notRequestPrincipals'] as const) {
        if ((source?.[name] ?? []).length > 0) return `rules[${i}].from[${j}].source.${name}`;
      }
    }
    const when = (rule.when ?? []).findIndex(({ key }) => key.startsWith('request.auth.'));
    if (when >= 0) return `rules[${i}].when[${when}].key`;
  }
  return undefined;
}

function checkDryRun(policy: ConfigObject, report: Reporter): void {
  const value = policy.metadata.annotations[DRY_RUN];
  if (value === undefined || /^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) return;
  report.warning(
    policy,
    AnalysisCode.invalidAnnotation,
    'metadata.annotations',
    `${DRY_RUN} must be "true" or "false", got "${value}"; the policy is enforced`,
  );
}

/** Claims choose routes only behind a gateway that checks tokens. */
function checkRouting(
  service: ConfigObject<VirtualServiceSpec>,
  registry: Registry,
  unchecked: (workload: KnownWorkload) => boolean,
  report: Reporter,
): void {
  const field = claimField(service.spec);
  if (field === undefined) return;
  for (const name of service.spec.gateways ?? []) {
    const gateway = registry.all('Gateway').find(({ metadata }) => {
      return `${metadata.namespace}/${metadata.name}` === gatewayKey(name, service.metadata.namespace);
    });
    const without = registry.selected(undefined, gateway?.spec.selector ?? {}).find(unchecked);
    if (gateway === undefined || without === undefined) continue;
    report.error(
      service,
      AnalysisCode.claimRoutingUnchecked,
      field,
      `the gateway ${without.title} has no RequestAuthentication: no token is checked there, so the match is never met`,
    );
    return;
  }
}

function claimField({ http = [] }: VirtualServiceSpec): string | undefined {
  for (const [i, { match = [] }] of http.entries()) {
    for (const [j, { headers = {}, withoutHeaders = {} }] of match.entries()) {
      for (const name of [...Object.keys(headers), ...Object.keys(withoutHeaders)]) {
        if (routingClaim(name) !== undefined) return `spec.http[${i}].match[${j}].headers`;
      }
    }
  }
  return undefined;
}

function checkKeys(registry: Registry, report: Reporter): void {
  const fetched = registry.set.jwks?.fetched;
  if (fetched === undefined) return;
  for (const object of registry.all('RequestAuthentication')) {
    for (const [i, rule] of (object.spec.jwtRules ?? []).entries()) {
      const result = fetched.get(jwksKey(rule) ?? '');
      if (result?.error === undefined) continue;
      const consequence =
        result.text === undefined ? 'every token of it is refused' : 'the keys that were fetched before stay in use';
      report.warning(
        object,
        AnalysisCode.keysUnavailable,
        `spec.jwtRules[${i}].${rule.jwksUri === undefined ? 'issuer' : 'jwksUri'}`,
        `the keys of issuer "${rule.issuer ?? ''}" cannot be fetched: ${result.error}; ${consequence}`,
      );
    }
  }
}
