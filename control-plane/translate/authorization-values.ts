import { EXTENSION } from '../../common/xds/type-urls.js';
import type { CidrRange } from '../../proto/gen/envoy/config/core/v3/CidrRange.js';
import type { Permission } from '../../proto/gen/envoy/config/rbac/v3/Permission.js';
import type { HeaderMatcher } from '../../proto/gen/envoy/config/route/v3/HeaderMatcher.js';
import type { StringMatcher } from '../../proto/gen/envoy/type/matcher/v3/StringMatcher.js';
import { any, regexMatcher, uint32 } from './messages.js';

/** Any text that is not empty. */
export const ANYTHING: StringMatcher = { safe_regex: regexMatcher('.+') };

/** AuthorizationPolicy's values: `*` for anything that is there, `abc*`, `*abc`, or exact. */
export function valueMatcher(value: string): StringMatcher {
  if (value === '*') return ANYTHING;
  if (value.startsWith('*')) return { suffix: value.slice(1) };
  if (value.endsWith('*')) return { prefix: value.slice(0, -1) };
  return { exact: value };
}

export function headerValue(name: string, value: string, ignoreCase = false): HeaderMatcher {
  if (value === '*') return { name, present_match: true };
  const matcher = valueMatcher(value);
  return { name, string_match: ignoreCase ? { ...matcher, ignore_case: true } : matcher };
}

/** A principal as certificates carry it, without `spiffe://` in the policy; alike in every alias of the trust domain. */
export function principalMatchers(value: string, trustDomains: readonly string[]): StringMatcher[] {
  return withAliases(value, trustDomains).map((name) => {
    if (name === '*') return ANYTHING;
    if (name.startsWith('*')) return { safe_regex: regexMatcher(`spiffe://.*${quote(name.slice(1))}`) };
    return name.endsWith('*') ? { prefix: `spiffe://${name.slice(0, -1)}` } : { exact: `spiffe://${name}` };
  });
}

/** Only a whole ID (`DOMAIN/ns/NAMESPACE/sa/ACCOUNT`) names a trust domain; `cluster.local` stands for the mesh's. */
function withAliases(principal: string, trustDomains: readonly string[]): readonly string[] {
  const [domain = '', ...rest] = principal.split('/');
  if (rest.length !== 4 || domain === '*') return [principal];
  const known = trustDomains.some((own) => overlaps(domain, own)) || domain === 'cluster.local';
  if (!known) return [principal];
  const names = trustDomains.map((own) => (matchesEnd(own, domain) ? principal : [own, ...rest].join('/')));
  return [...new Set(names)];
}

/** Either may have a wildcard at one end. */
function overlaps(a: string, b: string): boolean {
  return a === b || b === '*' || matchesStart(a, b) || matchesStart(b, a) || matchesEnd(a, b) || matchesEnd(b, a);
}

function matchesStart(text: string, pattern: string): boolean {
  return pattern.endsWith('*') && text.startsWith(pattern.slice(0, -1));
}

function matchesEnd(text: string, pattern: string): boolean {
  return pattern.startsWith('*') && text.endsWith(pattern.slice(1));
}

export function namespaceMatcher(value: string): StringMatcher {
  const pattern = value.split('*').map(quote).join('.*');
  return { safe_regex: regexMatcher(`.*/ns/${pattern}/.*`) };
}

/** A service account in any trust domain. */
export function accountMatcher(namespace: string, account: string): StringMatcher {
  return { safe_regex: regexMatcher(`spiffe://.+/ns/${quote(namespace)}/(.+/|)sa/${quote(account)}(/.+)?`) };
}

/** A trust domain, `*` for any, or with a `*` at one end. */
export function trustDomainMatcher(value: string): StringMatcher {
  if (value === '*') return { prefix: 'spiffe://' };
  if (!value.includes('*')) return { prefix: `spiffe://${value}/` };
  return { safe_regex: regexMatcher(`spiffe://${value.split('*').map(quote).join('[^/]*')}/.*`) };
}

const ONE_SEGMENT = '{*}';
const ANY_SEGMENTS = '{**}';

/** A path: a value as all others, or a template with `{*}` for one segment and `{**}` for any number. */
export function pathRule(path: string): Permission {
  if (!path.includes(ONE_SEGMENT) && !path.includes(ANY_SEGMENTS)) return { url_path: { path: valueMatcher(path) } };
  const path_template = path.replaceAll(ANY_SEGMENTS, '**').replaceAll(ONE_SEGMENT, '*');
  return { uri_template: { name: 'uri-template', typed_config: any(EXTENSION.uriTemplateMatch, { path_template }) } };
}

/** An address or a CIDR block. */
export function cidrRange(value: string): CidrRange {
  const [address = '', length] = value.split('/');
  const whole = address.includes(':') ? 128 : 32;
  return { address_prefix: address, prefix_len: uint32(length === undefined ? whole : Number(length)) };
}

function quote(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
