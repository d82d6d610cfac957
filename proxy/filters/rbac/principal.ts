import type { Principal__Output } from '../../../proto/gen/envoy/config/rbac/v3/Principal.js';
import { compileStringMatcher } from '../../router/matchers/string-matcher.js';
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
  peerMatches,
  type Subject,
  stringCondition,
  type Unknown,
  unknownCondition,
} from './condition.js';

/** Filter state in which Istio's filters keep the identities of a connection. */
const PEER_PRINCIPAL = 'io.istio.peer_principal';
const LOCAL_PRINCIPAL = 'io.istio.local_principal';

/** Compiles a Principal (envoy.config.rbac.v3). */
export function compilePrincipal(message: Principal__Output, unknown: Unknown, issues: Issues): Condition {
  if (message.any !== undefined) return message.any ? always : () => false;
  if (message.and_ids !== undefined) return all(compileAll(message.and_ids.ids, unknown, issues.at('and_ids')));
  if (message.or_ids !== undefined) return any(compileAll(message.or_ids.ids, unknown, issues.at('or_ids')));
  if (message.not_id !== undefined) return not(compilePrincipal(message.not_id, !unknown, issues.at('not_id')));
  return compileLeaf(message, unknown, issues);
}

function compileAll(ids: readonly Principal__Output[] | undefined, unknown: Unknown, issues: Issues): Condition[] {
  if (ids === undefined || ids.length === 0) issues.error('is empty');
  return (ids ?? []).map((id, index) => compilePrincipal(id, unknown, issues.at(index)));
}

function compileLeaf(message: Principal__Output, unknown: Unknown, issues: Issues): Condition {
  if (message.authenticated !== undefined) return authenticated(message.authenticated, unknown, issues);
  for (const field of ['source_ip', 'direct_remote_ip'] as const) {
    const range = message[field];
    if (range !== undefined) return addressCondition(range, ({ connection }) => connection.remoteIp, issues.at(field));
  }
  if (message.remote_ip !== undefined) {
    const read = ({ clientIp, connection }: Subject): string => clientIp || connection.remoteIp;
    return addressCondition(message.remote_ip, read, issues.at('remote_ip'));
  }
  if (message.header !== undefined) return headerCondition(message.header, unknown, issues.at('header'));
  if (message.url_path !== undefined) return pathCondition(message.url_path, unknown, issues.at('url_path'));
  if (message.metadata !== undefined) return metadataCondition(message.metadata, unknown, issues.at('metadata'));
  if (message.filter_state !== undefined) return filterState(message.filter_state, unknown, issues.at('filter_state'));
  issues.warn(`is of a kind that is not known: it counts as ${unknown ? 'met' : 'not met'}`);
  return unknownCondition(unknown);
}

function authenticated(
  message: NonNullable<Principal__Output['authenticated']>,
  unknown: Unknown,
  issues: Issues,
): Condition {
  if (message.principal_name === undefined) return ({ connection }) => connection.peer.tlsVersion !== undefined;
  const test = compileStringMatcher(message.principal_name, issues.at('authenticated').at('principal_name'));
  return test === undefined ? unknownCondition(unknown) : ({ connection }) => peerMatches(connection, test);
}

function filterState(
  message: NonNullable<Principal__Output['filter_state']>,
  unknown: Unknown,
  issues: Issues,
): Condition {
  const key = message.key ?? '';
  if (message.string_match === undefined || (key !== PEER_PRINCIPAL && key !== LOCAL_PRINCIPAL)) {
    issues.warn(`'${key}' is not known: it counts as ${unknown ? 'met' : 'not met'}`);
    return unknownCondition(unknown);
  }
  const local = key === LOCAL_PRINCIPAL;
  const present: Condition = ({ connection: { peer } }) => (local ? peer.localUriSan : verified(peer)) !== undefined;
  const matches = stringCondition(
    message.string_match,
    ({ connection: { peer } }) => (local ? peer.localUriSan : verified(peer)) ?? '',
    unknown,
    issues.at('string_match'),
  );
  return all([present, matches]);
}

function verified(peer: { readonly mtls: boolean; readonly uriSan: string | undefined }): string | undefined {
  return peer.mtls ? peer.uriSan : undefined;
}
