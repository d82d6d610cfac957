import type { QueryParameterMatcher__Output } from '../../../proto/gen/envoy/config/route/v3/QueryParameterMatcher.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileStringMatcher } from './string-matcher.js';

/** Parameters of a query, undecoded as Envoy compares them; the first of a repeated name counts. */
export type QueryParameters = ReadonlyMap<string, string>;
export type QueryTest = (parameters: QueryParameters) => boolean;

export function parseQuery(path: string): QueryParameters {
  const parameters = new Map<string, string>();
  const start = path.indexOf('?');
  if (start < 0) return parameters;
  const fragment = path.indexOf('#', start);
  for (const pair of path.slice(start + 1, fragment < 0 ? undefined : fragment).split('&')) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? '' : pair.slice(equals + 1));
  }
  return parameters;
}

/** Compiles a QueryParameterMatcher; undefined when it is unknown or not valid. */
export function compileQueryMatcher(matcher: QueryParameterMatcher__Output, issues: Issues): QueryTest | undefined {
  const name = matcher.name ?? '';
  if (name === '') {
    issues.at('name').error('is empty');
    return undefined;
  }
  if (matcher.string_match === undefined) {
    const present = matcher.present_match ?? true;
    return (parameters) => parameters.has(name) === present;
  }
  const test = compileStringMatcher(matcher.string_match, issues.at('string_match'));
  if (test === undefined) return undefined;
  return (parameters) => {
    const value = parameters.get(name);
    return value !== undefined && test(value);
  };
}
