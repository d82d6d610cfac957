import { RE2JS } from 're2js';
import type { RegexMatchAndSubstitute__Output } from '../../../proto/gen/envoy/type/matcher/v3/RegexMatchAndSubstitute.js';
import type { RegexMatcher__Output } from '../../../proto/gen/envoy/type/matcher/v3/RegexMatcher.js';
import type { Issues } from '../../snapshot/issues.js';

export type StringTest = (value: string) => boolean;

/** Instructions of a compiled pattern; the bound that Istio's bootstrap sets for Envoy. */
const MAX_PROGRAM_SIZE = 32_768;
/** A longer pattern is refused before it is parsed. */
const MAX_PATTERN_LENGTH = 65_536;

const META = /[\\^$.|?*+()[\]{}]/;

/**
 * Whole-match test of a RegexMatcher (RE2 syntax, linear time). A literal, also one that begins or ends with `.*`,
 * becomes a plain comparison. undefined after an error.
 */
export function compileRegex(matcher: RegexMatcher__Output | undefined, issues: Issues): StringTest | undefined {
  const pattern = matcher?.regex ?? '';
  if (pattern === '') {
    issues.error('regex is empty');
    return undefined;
  }
  const plain = plainTest(pattern);
  if (plain !== undefined) return plain;
  const compiled = compilePattern(pattern, issues);
  return compiled === undefined ? undefined : (value) => compiled.matches(value);
}

/** `.` leaves out a line feed in RE2, so the plain forms of `.*` look for one. */
function plainTest(pattern: string): StringTest | undefined {
  if (pattern === '.*') return (value) => !value.includes('\n');
  if (pattern === '.+') return (value) => value !== '' && !value.includes('\n');
  if (!META.test(pattern)) return (value) => value === pattern;
  const open = /^(.*?)\.([*+])$/s.exec(pattern);
  if (open !== null && !META.test(open[1] ?? '')) return prefixThenAny(open[1] ?? '', open[2] === '+' ? 1 : 0);
  const closing = /^\.([*+])(.*)$/s.exec(pattern);
  if (closing !== null && !META.test(closing[2] ?? ''))
    return anyThenSuffix(closing[2] ?? '', closing[1] === '+' ? 1 : 0);
  return undefined;
}

function prefixThenAny(prefix: string, least: number): StringTest {
  const from = prefix.length;
  return (value) => value.length >= from + least && value.startsWith(prefix) && value.indexOf('\n', from) < 0;
}

function anyThenSuffix(suffix: string, least: number): StringTest {
  return (value) => {
    const rest = value.length - suffix.length;
    if (rest < least || !value.endsWith(suffix)) return false;
    const newline = value.indexOf('\n');
    return newline < 0 || newline >= rest;
  };
}

function compilePattern(pattern: string, issues: Issues): RE2JS | undefined {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    issues.error(`regex is longer than ${MAX_PATTERN_LENGTH} characters`);
    return undefined;
  }
  try {
    const compiled = RE2JS.compile(pattern);
    if (compiled.programSize() <= MAX_PROGRAM_SIZE) return compiled;
    issues.error(`regex '${pattern}' compiles to more than ${MAX_PROGRAM_SIZE} instructions`);
  } catch (error) {
    issues.error(`regex '${pattern}' is not valid: ${error instanceof Error ? error.message : String(error)}`);
  }
  return undefined;
}

/**
 * Replaces every match of a RegexMatchAndSubstitute, with RE2's `\0` to `\9` for groups and `\\` for a backslash.
 * undefined after an error.
 */
export function compileSubstitution(
  message: RegexMatchAndSubstitute__Output,
  issues: Issues,
): ((value: string) => string) | undefined {
  const pattern = message.pattern?.regex ?? '';
  if (pattern === '') {
    issues.error('regex is empty');
    return undefined;
  }
  const compiled = compilePattern(pattern, issues);
  if (compiled === undefined) return undefined;
  const parts = parseSubstitution(message.substitution ?? '', compiled.groupCount(), issues);
  return parts === undefined ? undefined : (value) => replaceAll(compiled, parts, value);
}

function parseSubstitution(text: string, groups: number, issues: Issues): (string | number)[] | undefined {
  const parts: (string | number)[] = [];
  for (const [, escaped, literal] of text.matchAll(/\\([\s\S]?)|([^\\]+)/g)) {
    if (literal !== undefined) parts.push(literal);
    else if (escaped === '\\') parts.push('\\');
    else if (escaped !== undefined && /^[0-9]$/.test(escaped) && Number(escaped) <= groups) parts.push(Number(escaped));
    else {
      issues.error(`substitution '${text}': '\\${escaped ?? ''}' names no group of the regex`);
      return undefined;
    }
  }
  return parts;
}

function replaceAll(pattern: RE2JS, parts: readonly (string | number)[], value: string): string {
  const matcher = pattern.matcher(value);
  let result = '';
  let end = 0;
  while (matcher.find()) {
    result += value.slice(end, matcher.start());
    for (const part of parts) result += typeof part === 'string' ? part : (matcher.group(part) ?? '');
    end = matcher.end();
  }
  return result + value.slice(end);
}
