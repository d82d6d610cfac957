import type { HeaderMatcher } from '../../proto/gen/envoy/config/route/v3/HeaderMatcher.js';
import type { QueryParameterMatcher } from '../../proto/gen/envoy/config/route/v3/QueryParameterMatcher.js';
import type { RouteMatch } from '../../proto/gen/envoy/config/route/v3/RouteMatch.js';
import type { MetadataMatcher } from '../../proto/gen/envoy/type/matcher/v3/MetadataMatcher.js';
import type { StringMatcher } from '../../proto/gen/envoy/type/matcher/v3/StringMatcher.js';
import { routingClaim } from '../api/claims.js';
import type { StringMatch } from '../api/kinds/shared.js';
import type { HttpMatchRequest } from '../api/kinds/virtual-service.js';
import { selectorMatches } from '../api/labels.js';
import { forSidecars, gatewayKey } from '../model/virtual-services.js';
import { claimMatcher } from './authorization-claims.js';
import { ANYTHING } from './authorization-values.js';
import { regexMatcher } from './messages.js';
import type { RouteScope } from './route-action.js';

/** Whether a match of a VirtualService in `namespace` can ever be met by requests of this client to this port. */
export function matchConcerns(match: HttpMatchRequest, scope: RouteScope, namespace: string): boolean {
  const { port, context } = scope;
  const { client } = context;
  return (
    match.unknownMatch !== true &&
    concernsGateways(match.gateways, scope.gateways, namespace) &&
    (match.port === undefined || match.port === 0 || match.port === port) &&
    selectorMatches(match.sourceLabels ?? {}, client.labels) &&
    (match.sourceNamespace || client.namespace) === client.namespace
  );
}

/** A match without gateways has those of its VirtualService. */
function concernsGateways(
  names: readonly string[] | undefined,
  gateways: ReadonlySet<string> | undefined,
  namespace: string,
): boolean {
  if (gateways === undefined) return forSidecars(names);
  return names === undefined || names.length === 0 || names.some((name) => gateways.has(gatewayKey(name, namespace)));
}

export function routeMatch(match: HttpMatchRequest | undefined): RouteMatch {
  const headers = headerMatchers(match);
  const claims = claimMatchers(match);
  const query = Object.entries(match?.queryParams ?? {}).sort(byKey);
  return {
    ...pathMatch(match?.uri, match?.ignoreUriCase !== true),
    ...(headers.length > 0 && { headers }),
    ...(claims.length > 0 && { dynamic_metadata: claims }),
    ...(query.length > 0 && { query_parameters: query.map(([name, value]) => queryMatcher(name, value)) }),
  };
}

/** Whether no request escapes this match, so that routes after it are never reached. */
export function matchesEverything(match: RouteMatch): boolean {
  const anyPath = match.prefix === '/' || match.safe_regex?.regex === '.*';
  const { headers, query_parameters: query, dynamic_metadata: claims } = match;
  return anyPath && headers === undefined && query === undefined && claims === undefined;
}

/** Envoy leaves the case of a regular expression alone. */
function pathMatch(uri: StringMatch | undefined, caseSensitive: boolean): RouteMatch {
  const case_sensitive = { value: caseSensitive };
  if (uri?.exact !== undefined) return { path: uri.exact, case_sensitive };
  if (uri?.regex !== undefined) return { safe_regex: regexMatcher(uri.regex), case_sensitive };
  return { prefix: uri?.prefix ?? '/', case_sensitive };
}

function headerMatchers(match: HttpMatchRequest | undefined): HeaderMatcher[] {
  const matchers = Object.entries(match?.headers ?? {})
    .filter(([name]) => routingClaim(name) === undefined)
    .sort(byKey)
    .map(([name, value]) => headerMatcher(name.toLowerCase(), value));
  for (const [name, value] of Object.entries(match?.withoutHeaders ?? {}).sort(byKey)) {
    if (routingClaim(name) !== undefined) continue;
    const matcher = headerMatcher(name.toLowerCase(), value);
    // A request without the header has not the value either.
    matchers.push({
      ...matcher,
      invert_match: true,
      ...(matcher.string_match && { treat_missing_header_as_empty: true }),
    });
  }
  if (match?.scheme !== undefined) matchers.push(headerMatcher(':scheme', match.scheme));
  if (match?.method !== undefined) matchers.push(headerMatcher(':method', match.method));
  if (match?.authority !== undefined) matchers.push(headerMatcher(':authority', match.authority));
  return matchers;
}

function claimMatchers(match: HttpMatchRequest | undefined): MetadataMatcher[] {
  const matchers = (fields: HttpMatchRequest['headers'], without: boolean): MetadataMatcher[] =>
    Object.entries(fields ?? {})
      .sort(byKey)
      .flatMap(([name, value]) => {
        const path = routingClaim(name);
        if (path === undefined) return [];
        return [{ ...claimMatcher(path, [stringMatcher(value) ?? ANYTHING]), ...(without && { invert: true }) }];
      });
  return [...matchers(match?.headers, false), ...matchers(match?.withoutHeaders, true)];
}

function headerMatcher(name: string, match: StringMatch): HeaderMatcher {
  const matcher = stringMatcher(match);
  return matcher === undefined ? { name, present_match: true } : { name, string_match: matcher };
}

function queryMatcher(name: string, match: StringMatch): QueryParameterMatcher {
  const matcher = stringMatcher(match);
  return matcher === undefined ? { name, present_match: true } : { name, string_match: matcher };
}

/** Undefined asks for presence only. */
function stringMatcher(match: StringMatch): StringMatcher | undefined {
  if (match.exact !== undefined) return { exact: match.exact };
  if (match.prefix !== undefined) return match.prefix === '' ? undefined : { prefix: match.prefix };
  if (match.regex !== undefined) return match.regex === '*' ? undefined : { safe_regex: regexMatcher(match.regex) };
  return undefined;
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
