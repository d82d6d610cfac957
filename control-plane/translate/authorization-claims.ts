import type { Permission } from '../../proto/gen/envoy/config/rbac/v3/Permission.js';
import type { Principal } from '../../proto/gen/envoy/config/rbac/v3/Principal.js';
import type { MetadataMatcher } from '../../proto/gen/envoy/type/matcher/v3/MetadataMatcher.js';
import type { StringMatcher } from '../../proto/gen/envoy/type/matcher/v3/StringMatcher.js';
import type { ValueMatcher } from '../../proto/gen/envoy/type/matcher/v3/ValueMatcher.js';
import { ANYTHING, valueMatcher } from './authorization-values.js';

/** Where the claims of a verified token are: dynamic metadata of this filter, below this key. As Istio has them. */
export const JWT_FILTER = 'envoy.filters.http.jwt_authn';
export const JWT_PAYLOAD = 'payload';

/** A claim, nested ones by their path: a text that one of the values matches, or a list with such a text. */
export function claimMatcher(claims: readonly string[], matchers: readonly StringMatcher[]): MetadataMatcher {
  const value = anyValue(matchers.map((string_match) => ({ string_match })));
  return metadataMatcher(JWT_FILTER, [JWT_PAYLOAD, ...claims], {
    or_match: { value_matchers: [{ list_match: { one_of: value } }, value] },
  });
}

export function claimPrincipal(claims: readonly string[], values: readonly string[]): Principal {
  return { metadata: claimMatcher(claims, values.map(valueMatcher)) };
}

/** `ISSUER/SUBJECT` of a token; the issuer may hold slashes itself. `*` at one end stands for anything. */
export function requestPrincipal(values: readonly string[]): Principal {
  return { or_ids: { ids: values.map(onePrincipal) } };
}

function onePrincipal(value: string): Principal {
  const { issuer, subject } = principalParts(value);
  const text = (claim: string, string_match: StringMatcher): Principal => ({
    metadata: metadataMatcher(JWT_FILTER, [JWT_PAYLOAD, claim], { string_match }),
  });
  return { and_ids: { ids: [text('iss', issuer), text('sub', subject)] } };
}

interface PrincipalParts {
  readonly issuer: StringMatcher;
  readonly subject: StringMatcher;
}

function principalParts(value: string): PrincipalParts {
  if (value === '*') return { issuer: ANYTHING, subject: ANYTHING };
  const slash = value.lastIndexOf('/');
  const issuer = slash < 0 ? value : value.slice(0, slash);
  const subject = value.slice(slash + 1);
  if (value.startsWith('*')) {
    if (slash < 0) return { issuer: ANYTHING, subject: valueMatcher(value) };
    return { issuer: valueMatcher(issuer), subject: { exact: subject } };
  }
  if (value.endsWith('*')) {
    if (slash < 0) return { issuer: valueMatcher(value), subject: ANYTHING };
    return { issuer: { exact: issuer }, subject: valueMatcher(subject) };
  }
  return { issuer: { exact: issuer }, subject: { exact: slash < 0 ? '' : subject } };
}

const FILTER_KEY = /^experimental\.(envoy\.filters\.[^[]+)\[(.+)\]$/;

/** `experimental.envoy.filters.NAME[KEY]`: metadata of any filter; a value in brackets looks into a list. */
export function filterMetadata(key: string, values: readonly string[]): Permission | undefined {
  const [, filter, field] = FILTER_KEY.exec(key) ?? [];
  if (filter === undefined || field === undefined) return undefined;
  return { metadata: metadataMatcher(filter, [field], anyValue(values.map(filterValue))) };
}

function filterValue(value: string): ValueMatcher {
  if (!/^\[.*\]$/.test(value)) return { string_match: valueMatcher(value) };
  return { list_match: { one_of: { string_match: valueMatcher(value.slice(1, -1)) } } };
}

function anyValue(matchers: readonly ValueMatcher[]): ValueMatcher {
  const [only] = matchers;
  return matchers.length === 1 && only !== undefined ? only : { or_match: { value_matchers: [...matchers] } };
}

function metadataMatcher(filter: string, path: readonly string[], value: ValueMatcher): MetadataMatcher {
  return { filter, path: path.map((key) => ({ key })), value };
}
