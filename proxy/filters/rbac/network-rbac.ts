import type { RBAC__Output } from '../../../proto/gen/envoy/extensions/filters/network/rbac/v3/RBAC.js';
import { setDynamicMetadata } from '../../http/dynamic-metadata.js';
import { HeaderList } from '../../http/headers.js';
import type { RequestHead } from '../../http/message.js';
import type { NetworkFilter } from '../../listeners/config.js';
import type { Issues } from '../../snapshot/issues.js';
import type { CounterSource } from '../counter.js';
import { compileRbac, denialDetails } from './engine.js';
import { rbacCounters } from './http-rbac.js';
import { RbacMetadata } from './metadata.js';

/** Name under which the network filter tells what it decided. */
const NETWORK_RBAC = 'envoy.filters.network.rbac';

/** A connection has no request: header and path conditions see an empty one. */
const NO_REQUEST: RequestHead = {
  method: '',
  path: '',
  authority: '',
  scheme: 'http',
  version: 'HTTP/1.1',
  headers: new HeaderList(),
};

/** Compiles envoy.filters.network.rbac: a connection that the rules do not let in is closed. */
export function compileNetworkRbac(
  message: RBAC__Output,
  name: string,
  counters: CounterSource,
  issues: Issues,
): NetworkFilter {
  if (message.enforcement_type === 'CONTINUOUS') issues.at('enforcement_type').error('CONTINUOUS is not supported');
  const { rules, shadow_rules: shadowRules } = message;
  const enforced = rules === undefined ? undefined : compileRbac(rules, issues.at('rules'));
  const shadow = shadowRules === undefined ? undefined : compileRbac(shadowRules, issues.at('shadow_rules'));
  const count = rbacCounters(`${message.stat_prefix ?? ''}rbac`, message, counters);
  const told = new RbacMetadata(message);
  return {
    name,
    onConnection(connection, notes) {
      const subject = { request: NO_REQUEST, connection, metadata: notes.metadata };
      if (shadow !== undefined) {
        const decision = shadow.decide(subject);
        (decision.allowed ? count.shadowAllowed : count.shadowDenied).increment();
        setDynamicMetadata(notes, NETWORK_RBAC, told.shadow(decision));
      }
      const decision = enforced?.decide(subject);
      if (decision === undefined || decision.allowed) {
        if (decision !== undefined) count.allowed.increment();
        return { allow: true };
      }
      count.denied.increment();
      return { allow: false, details: denialDetails(decision) };
    },
  };
}
