import type { HeaderMatcher__Output } from '../../../proto/gen/envoy/config/route/v3/HeaderMatcher.js';
import type { Int64Range__Output } from '../../../proto/gen/envoy/type/v3/Int64Range.js';
import { interned } from '../../http/interned.js';
import { type RequestHead, type ResponseHead, requestHeader } from '../../http/message.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileRegex, type StringTest } from './regex.js';
import { compileStringMatcher, exactTest, partTest } from './string-matcher.js';

export type HeaderTest = (head: RequestHead | ResponseHead) => boolean;

/** A field that is there once only, by its lower-case name. */
function pseudo(head: RequestHead | ResponseHead, key: string): string | undefined {
  if ('method' in head) return requestHeader(head, key);
  return key === ':status' ? String(head.status) : undefined;
}

/** Whether any value of a field passes, as Envoy takes repeated fields; undefined when the field is absent. */
function anyValue(head: RequestHead | ResponseHead, key: string, test: StringTest): boolean | undefined {
  const { headers } = head;
  let result: boolean | undefined;
  for (let i = 0; i < headers.size; i++) {
    if (headers.keyAt(i) !== key) continue;
    if (test(headers.valueAt(i))) return true;
    result = false;
  }
  return result;
}

/** Compiles a HeaderMatcher. undefined as {@link compileStringMatcher}. */
export function compileHeaderMatcher(matcher: HeaderMatcher__Output, issues: Issues): HeaderTest | undefined {
  const key = interned((matcher.name ?? '').toLowerCase());
  if (key === '') {
    issues.at('name').error('is empty');
    return undefined;
  }
  const invert = matcher.invert_match === true;
  const isPseudo = key.startsWith(':') || key === 'host';
  const values = valueTest(matcher, issues);
  if (values === 'present') {
    const wanted = (matcher.present_match ?? true) !== invert;
    if (isPseudo) return (head) => (pseudo(head, key) !== undefined) === wanted;
    return (head) => head.headers.has(key) === wanted;
  }
  if (values === undefined) return undefined;
  // An absent field matches nothing, not even an inverted matcher.
  const missing = matcher.treat_missing_header_as_empty === true && values('') !== invert;
  if (!isPseudo) {
    return (head) => {
      const result = anyValue(head, key, values);
      return result === undefined ? missing : result !== invert;
    };
  }
  return (head) => {
    const value = pseudo(head, key);
    return value === undefined ? missing : values(value) !== invert;
  };
}

function valueTest(matcher: HeaderMatcher__Output, issues: Issues): StringTest | 'present' | undefined {
  if (matcher.string_match !== undefined) return compileStringMatcher(matcher.string_match, issues.at('string_match'));
  if (matcher.range_match !== undefined) return rangeTest(matcher.range_match);
  if (matcher.safe_regex_match !== undefined) {
    return compileRegex(matcher.safe_regex_match, issues.at('safe_regex_match'));
  }
  if (matcher.exact_match !== undefined) return exactTest(matcher.exact_match, false);
  for (const kind of ['prefix', 'suffix', 'contains'] as const) {
    const text = matcher[`${kind}_match`];
    if (text === undefined) continue;
    if (text !== '') return partTest(kind, text, false);
    issues.at(`${kind}_match`).error('is empty');
    return undefined;
  }
  return 'present';
}

/** Int64Range: start inclusive, end exclusive; a value that is no decimal integer matches nothing. */
function rangeTest(range: Int64Range__Output): StringTest {
  const start = range.start ?? 0;
  const end = range.end ?? 0;
  return (value) => {
    const text = value.trim();
    if (!/^[+-]?\d{1,19}$/.test(text)) return false;
    const number = Number(text);
    return number >= start && number < end;
  };
}

/** Compiles a list of which all must match; undefined when one of them is unknown or not valid. */
export function compileHeaderMatchers(
  matchers: readonly HeaderMatcher__Output[],
  issues: Issues,
): readonly HeaderTest[] | undefined {
  const tests = matchers.map((matcher, index) => compileHeaderMatcher(matcher, issues.at(index)));
  return tests.every((test) => test !== undefined) ? tests : undefined;
}
