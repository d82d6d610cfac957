import type { ListStringMatcher__Output } from '../../../proto/gen/envoy/type/matcher/v3/ListStringMatcher.js';
import type { StringTest } from '../../router/matchers/regex.js';
import { compileStringMatcher } from '../../router/matchers/string-matcher.js';
import type { Issues } from '../../snapshot/issues.js';

/** A test of header names; undefined where the list is not there. A matcher that is not known matches nothing. */
export function compileHeaderTest(list: ListStringMatcher__Output | undefined, issues: Issues): StringTest | undefined {
  if (list === undefined) return undefined;
  const tests = (list.patterns ?? []).flatMap((pattern, index) => {
    const test = compileStringMatcher(pattern, issues.at('patterns').at(index));
    return test === undefined ? [] : [test];
  });
  return (name) => tests.some((test) => test(name));
}
