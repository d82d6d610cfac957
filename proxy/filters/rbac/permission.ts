import type { Permission__Output } from '../../../proto/gen/envoy/config/rbac/v3/Permission.js';
import type { Issues } from '../../snapshot/issues.js';
import {
  addressCondition,
  all,
  always,
  any,
  type Condition,
  headerCondition,
  metadataCondition,
  not,
  pathCondition,
  stringCondition,
  templateCondition,
  type Unknown,
  unknownCondition,
} from './condition.js';

/** Compiles a Permission (envoy.config.rbac.v3). */
export function compilePermission(message: Permission__Output, unknown: Unknown, issues: Issues): Condition {
  if (message.any !== undefined) return message.any ? always : () => false;
  if (message.and_rules !== undefined) return all(compileAll(message.and_rules.rules, unknown, issues.at('and_rules')));
  if (message.or_rules !== undefined) return any(compileAll(message.or_rules.rules, unknown, issues.at('or_rules')));
  if (message.not_rule !== undefined) return not(compilePermission(message.not_rule, !unknown, issues.at('not_rule')));
  return compileLeaf(message, unknown, issues);
}

function compileAll(rules: readonly Permission__Output[] | undefined, unknown: Unknown, issues: Issues): Condition[] {
  if (rules === undefined || rules.length === 0) issues.error('is empty');
  return (rules ?? []).map((rule, index) => compilePermission(rule, unknown, issues.at(index)));
}

function compileLeaf(message: Permission__Output, unknown: Unknown, issues: Issues): Condition {
  if (message.header !== undefined) return headerCondition(message.header, unknown, issues.at('header'));
  if (message.url_path !== undefined) return pathCondition(message.url_path, unknown, issues.at('url_path'));
  if (message.destination_ip !== undefined) {
    return addressCondition(
      message.destination_ip,
      ({ connection }) => connection.localIp,
      issues.at('destination_ip'),
    );
  }
  if (message.destination_port !== undefined) {
    const port = message.destination_port;
    return ({ connection }) => connection.localPort === port;
  }
  if (message.destination_port_range !== undefined) {
    const { start = 0, end = 0 } = message.destination_port_range;
    return ({ connection }) => connection.localPort >= start && connection.localPort < end;
  }
  if (message.requested_server_name !== undefined) {
    const at = issues.at('requested_server_name');
    return stringCondition(message.requested_server_name, ({ connection }) => connection.peer.sni ?? '', unknown, at);
  }
  if (message.metadata !== undefined) return metadataCondition(message.metadata, unknown, issues.at('metadata'));
  if (message.uri_template !== undefined) {
    return templateCondition(message.uri_template, unknown, issues.at('uri_template'));
  }
  issues.warn(`is of a kind that is not known: it counts as ${unknown ? 'met' : 'not met'}`);
  return unknownCondition(unknown);
}
