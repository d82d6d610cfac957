import type { RBAC__Output } from '../../../proto/gen/envoy/extensions/filters/http/rbac/v3/RBAC.js';
import type { RBACPerRoute__Output } from '../../../proto/gen/envoy/extensions/filters/http/rbac/v3/RBACPerRoute.js';
import { setDynamicMetadata } from '../../http/dynamic-metadata.js';
import type { LocalReply } from '../../http/stream.js';
import type { Issues } from '../../snapshot/issues.js';
import type { Counter, CounterSource } from '../counter.js';
import type { HttpFilterFactory } from '../factory.js';
import type { FilterContext, HttpFilter } from '../filter.js';
import type { Subject } from './condition.js';
import { compileRbac, denialDetails, type RbacEngine } from './engine.js';
import { HTTP_RBAC, logHint, RbacMetadata } from './metadata.js';

interface RbacRules {
  readonly enforced: RbacEngine | undefined;
  readonly shadow: RbacEngine | undefined;
}

interface RbacCounters {
  readonly allowed: Counter;
  readonly denied: Counter;
  readonly shadowAllowed: Counter;
  readonly shadowDenied: Counter;
}

/** Filter envoy.filters.http.rbac: 403 for what the rules do not let in, and counts of what shadow rules would do. */
export function httpRbacFactory(counters: CounterSource): HttpFilterFactory {
  return {
    compile(message, place, issues) {
      const rules = compileRules(message, issues);
      const prefix = place.statPrefix === '' ? 'rbac' : `http.${place.statPrefix}.rbac`;
      return rbacFilter(place.name, rules, rbacCounters(prefix, message, counters), new RbacMetadata(message));
    },
  };
}

/** Compiles an RBACPerRoute; without rules it switches the filter off for its route. */
export function compileRbacPerRoute(message: RBACPerRoute__Output, issues: Issues): RbacRules {
  return message.rbac === undefined ? { enforced: undefined, shadow: undefined } : compileRules(message.rbac, issues);
}

function compileRules(message: RBAC__Output, issues: Issues): RbacRules {
  const { rules, shadow_rules: shadow } = message;
  return {
    enforced: rules === undefined ? undefined : compileRbac(rules, issues.at('rules')),
    shadow: shadow === undefined ? undefined : compileRbac(shadow, issues.at('shadow_rules')),
  };
}

/** The four counters of an RBAC filter, with the prefixes of its configuration. */
export function rbacCounters(
  prefix: string,
  message: { readonly rules_stat_prefix?: string; readonly shadow_rules_stat_prefix?: string },
  counters: CounterSource,
): RbacCounters {
  const enforced = `${prefix}.${message.rules_stat_prefix ?? ''}`;
  const shadow = `${prefix}.${message.shadow_rules_stat_prefix ?? ''}`;
  return {
    allowed: counters(`${enforced}allowed`),
    denied: counters(`${enforced}denied`),
    shadowAllowed: counters(`${shadow}shadow_allowed`),
    shadowDenied: counters(`${shadow}shadow_denied`),
  };
}

function rbacFilter(name: string, own: RbacRules, counters: RbacCounters, told: RbacMetadata): HttpFilter {
  return {
    name,
    guards: true,
    onRequest(context) {
      const rules = rulesOf(context, name) ?? own;
      const { request, info } = context;
      const subject: Subject = {
        request,
        connection: info.connection,
        clientIp: info.clientIp,
        metadata: info.metadata,
      };
      if (rules.shadow !== undefined) {
        const decision = rules.shadow.decide(subject);
        (decision.allowed ? counters.shadowAllowed : counters.shadowDenied).increment();
        setDynamicMetadata(info, HTTP_RBAC, told.shadow(decision));
      }
      if (rules.enforced === undefined) return undefined;
      const decision = rules.enforced.decide(subject);
      if (rules.enforced.action === 'LOG') setDynamicMetadata(info, 'envoy.common', logHint(decision));
      setDynamicMetadata(info, HTTP_RBAC, told.enforced(decision));
      if (decision.allowed) {
        counters.allowed.increment();
        return undefined;
      }
      counters.denied.increment();
      return denial(denialDetails(decision));
    },
  };
}

function rulesOf(context: FilterContext, name: string): RbacRules | undefined {
  return context.route()?.filterConfig(name) as RbacRules | undefined;
}

function denial(details: string): LocalReply {
  return { status: 403, body: 'RBAC: access denied', details, flags: 0 };
}
