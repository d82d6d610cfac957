import type { StringMatcher__Output } from '../../../proto/gen/envoy/type/matcher/v3/StringMatcher.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileRegex, type StringTest } from './regex.js';

/**
 * Compiles a StringMatcher. undefined when it is not valid, which is an error, or of a kind that we do not know
 * (`custom`, or a later one), which is a warning: the caller decides what an unknown matcher means.
 */
export function compileStringMatcher(
  matcher: StringMatcher__Output | undefined,
  issues: Issues,
): StringTest | undefined {
  if (matcher?.safe_regex !== undefined) return compileRegex(matcher.safe_regex, issues.at('safe_regex'));
  const ignoreCase = matcher?.ignore_case === true;
  if (matcher?.exact !== undefined) return exactTest(matcher.exact, ignoreCase);
  for (const kind of ['prefix', 'suffix', 'contains'] as const) {
    const text = matcher?.[kind];
    if (text === undefined) continue;
    if (text !== '') return partTest(kind, text, ignoreCase);
    issues.at(kind).error('is empty');
    return undefined;
  }
  issues.warn('unknown kind of string matcher: it matches nothing');
  return undefined;
}

export function exactTest(text: string, ignoreCase: boolean): StringTest {
  if (!ignoreCase) return (value) => value === text;
  const lower = text.toLowerCase();
  return (value) => value.length === text.length && value.toLowerCase() === lower;
}

export function partTest(kind: 'prefix' | 'suffix' | 'contains', text: string, ignoreCase: boolean): StringTest {
  if (ignoreCase) {
    const inner = partTest(kind, text.toLowerCase(), false);
    return (value) => inner(value.toLowerCase());
  }
  switch (kind) {
    case 'prefix':
      return (value) => value.startsWith(text);
    case 'suffix':
      return (value) => value.endsWith(text);
    case 'contains':
      return (value) => value.includes(text);
  }
}
