import type { RouteMatch__Output } from '../../../proto/gen/envoy/config/route/v3/RouteMatch.js';
import type { RequestHead } from '../../http/message.js';
import type { Issues } from '../../snapshot/issues.js';
import { runtimeFraction } from '../../snapshot/wire-values.js';
import type { RouteMatchContext } from '../route.js';
import { compileHeaderMatchers } from './header-matcher.js';
import { compileMetadataMatcher } from './metadata-matcher.js';
import { compileQueryMatcher, parseQuery, type QueryTest } from './query-matcher.js';
import { compileRegex, type StringTest } from './regex.js';
import { exactTest, partTest } from './string-matcher.js';

/** What one route asks of a request. Paths come without query and fragment. */
export interface CompiledMatch {
  matches(request: RequestHead, path: string, context: RouteMatchContext): boolean;
  /** The part of a matching path that a prefix rewrite replaces. */
  matchedLength(path: string): number;
}

type Condition = (request: RequestHead, context: RouteMatchContext) => boolean;

const NEVER: CompiledMatch = { matches: () => false, matchedLength: () => 0 };

/** Compiles a RouteMatch. One with a kind of condition that we do not know never matches, with a warning. */
export function compileRouteMatch(match: RouteMatch__Output | undefined, issues: Issues): CompiledMatch {
  if (match === undefined) {
    issues.error('is missing');
    return NEVER;
  }
  const before = issues.errors.length;
  const path = compilePath(match, issues);
  const conditions = compileConditions(match, issues);
  if (path === undefined || conditions === undefined) {
    if (issues.errors.length === before) issues.warn('has a condition that is not known here: the route never matches');
    return NEVER;
  }
  const { test, connect } = path;
  return {
    matches(request, pathOnly, context) {
      // A CONNECT without a path can be taken only by a CONNECT route, which takes nothing else.
      if (connect ? request.method !== 'CONNECT' : pathOnly === '' || !test(pathOnly)) return false;
      for (const condition of conditions) if (!condition(request, context)) return false;
      return true;
    },
    matchedLength: (pathOnly) => path.prefixLength ?? pathOnly.length,
  };
}

interface PathTest {
  readonly test: StringTest;
  readonly connect: boolean;
  /** undefined when the whole path is what matched. */
  readonly prefixLength: number | undefined;
}

function compilePath(match: RouteMatch__Output, issues: Issues): PathTest | undefined {
  const ignoreCase = match.case_sensitive?.value === false;
  if (match.prefix !== undefined) {
    const test: StringTest = match.prefix === '' ? () => true : partTest('prefix', match.prefix, ignoreCase);
    return { test, connect: false, prefixLength: match.prefix.length };
  }
  if (match.path !== undefined) {
    return { test: exactTest(match.path, ignoreCase), connect: false, prefixLength: undefined };
  }
  if (match.path_separated_prefix !== undefined) {
    return separatedPrefix(match.path_separated_prefix, ignoreCase, issues.at('path_separated_prefix'));
  }
  if (match.safe_regex !== undefined) {
    const test = compileRegex(match.safe_regex, issues.at('safe_regex'));
    return test === undefined ? undefined : { test, connect: false, prefixLength: undefined };
  }
  if (match.connect_matcher !== undefined) return { test: () => true, connect: true, prefixLength: undefined };
  return undefined;
}

function separatedPrefix(prefix: string, ignoreCase: boolean, issues: Issues): PathTest | undefined {
  if (!/^\/[^?#]*[^?#/]$/.test(prefix)) {
    issues.error(`'${prefix}' must begin with '/', not end with it, and hold no '?' or '#'`);
    return undefined;
  }
  const begins = partTest('prefix', prefix, ignoreCase);
  const test: StringTest = (path) =>
    begins(path) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 47); /* '/' */
  return { test, connect: false, prefixLength: prefix.length };
}

function compileConditions(match: RouteMatch__Output, issues: Issues): readonly Condition[] | undefined {
  const unknown = match.path_match_policy !== undefined;
  const conditions: Condition[] = [];
  const headers = compileHeaderMatchers(match.headers ?? [], issues.at('headers'));
  for (const test of headers ?? []) conditions.push((request) => test(request));
  const queries = compileQueries(match, issues);
  if (queries !== undefined && queries.length > 0) {
    conditions.push((request) => {
      const parameters = parseQuery(request.path);
      return queries.every((query) => query(parameters));
    });
  }
  const metadata = (match.dynamic_metadata ?? []).map((matcher, index) =>
    compileMetadataMatcher(matcher, issues.at('dynamic_metadata').at(index)),
  );
  for (const test of metadata) if (test !== undefined) conditions.push((_request, { info }) => test(info.metadata));
  if (match.grpc !== undefined) conditions.push(isGrpc);
  if (match.tls_context !== undefined) conditions.push(tlsCondition(match.tls_context));
  if (match.runtime_fraction !== undefined) {
    const share = runtimeFraction(match.runtime_fraction);
    conditions.push((_request, context) => context.random() < share);
  }
  if (unknown || headers === undefined || queries === undefined || metadata.includes(undefined)) return undefined;
  return conditions;
}

function compileQueries(match: RouteMatch__Output, issues: Issues): readonly QueryTest[] | undefined {
  const tests = (match.query_parameters ?? []).map((query, index) =>
    compileQueryMatcher(query, issues.at('query_parameters').at(index)),
  );
  return tests.every((test) => test !== undefined) ? tests : undefined;
}

function isGrpc(request: RequestHead): boolean {
  const type = request.headers.get('content-type');
  return type !== undefined && /^application\/grpc(\+|;|$)/.test(type);
}

function tlsCondition(options: NonNullable<RouteMatch__Output['tls_context']>): Condition {
  const presented = options.presented?.value;
  const validated = options.validated?.value;
  return (_request, { info }) => {
    const { peer } = info.connection;
    if (peer.tlsVersion === undefined) return false;
    // A certificate that failed validation ends its connection, so presented and validated are one.
    return (presented === undefined || presented === peer.mtls) && (validated === undefined || validated === peer.mtls);
  };
}
