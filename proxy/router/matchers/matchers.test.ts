import { describe, expect, it } from 'vitest';
import { Issues } from '../../snapshot/issues.js';
import { testRequest } from '../testing.js';
import { compileHeaderMatcher } from './header-matcher.js';
import { parseQuery } from './query-matcher.js';
import { compileRegex, compileSubstitution } from './regex.js';
import { compileStringMatcher } from './string-matcher.js';

describe('regex', () => {
  const cases: [pattern: string, value: string, matches: boolean][] = [
    ['/a', '/a', true],
    ['/a', '/ab', false],
    ['/a', 'x/a', false],
    ['/a.*', '/a', true],
    ['/a.*', '/a/b', true],
    ['/a.*', '/a\n', false],
    ['/a.+', '/a', false],
    ['/a.+', '/ab', true],
    ['.*', '', true],
    ['.+', '', false],
    ['.*/x', 'a/x', true],
    ['.+/x', '/x', false],
    ['a\\.b', 'a.b', true],
    ['a\\.b', 'axb', false],
    ['a|b', 'b', true],
    ['a|b', 'ab', false],
    ['(?i)ABC', 'abc', true],
    ['v[0-9]{1,3}', 'v1234', false],
    ['a.b.*', 'axbc', true],
    ['/a.*b.*', '/axxbyy', true],
    ['^/a$', '/a', true],
  ];
  it.each(cases)('%s on %j is %s', (regex, value, matches) => {
    const issues = new Issues();
    expect(compileRegex({ regex }, issues)?.(value)).toBe(matches);
    expect(issues.errors).toEqual([]);
  });

  it.each(['(a+)+$', '(a|aa)+$', '(.*)*x', '([a-z]+)*\\d', '(x+x+)+y'])(
    'a hostile pattern %s answers at once on a megabyte',
    (regex) => {
      const test = compileRegex({ regex }, new Issues());
      const value = `/${'a'.repeat(1 << 20)}!`;
      const start = performance.now();
      expect(test?.(value)).toBe(false);
      // Linear time takes milliseconds; a backtracking engine would not end today.
      expect(performance.now() - start).toBeLessThan(5_000);
    },
  );

  it.each(['(', 'a{99999}', '(?=x)', '[z-a]', '', '((a{100}){100}){100}'])('refuses %j', (regex) => {
    const issues = new Issues();
    expect(compileRegex({ regex }, issues)).toBeUndefined();
    expect(issues.errors).toHaveLength(1);
  });

  it('substitutes every match with its groups', () => {
    const issues = new Issues();
    const replace = compileSubstitution(
      { pattern: { regex: '/v(\\d)/([a-z]+)' }, substitution: '/\\2/\\\\\\1' },
      issues,
    );
    expect(replace?.('/v1/ab/v2/cd')).toBe('/ab/\\1/cd/\\2');
    expect(replace?.('/none')).toBe('/none');
    expect(compileSubstitution({ pattern: { regex: 'a' }, substitution: '\\1' }, issues)).toBeUndefined();
    expect(issues.errors).toHaveLength(1);
  });
});

describe('string matcher', () => {
  it.each([
    [{ exact: 'Ab' }, 'Ab', true],
    [{ exact: 'Ab' }, 'ab', false],
    [{ exact: 'Ab', ignore_case: true }, 'aB', true],
    [{ prefix: 'Ab' }, 'Abc', true],
    [{ prefix: 'Ab', ignore_case: true }, 'aBc', true],
    [{ suffix: 'bc' }, 'abc', true],
    [{ suffix: 'BC', ignore_case: true }, 'abc', true],
    [{ contains: 'b' }, 'abc', true],
    [{ contains: 'B', ignore_case: true }, 'abc', true],
    [{ safe_regex: { regex: 'a.c' } }, 'abc', true],
  ])('%j on %s is %s', (matcher, value, matches) => {
    expect(compileStringMatcher(matcher, new Issues())?.(value)).toBe(matches);
  });

  it('does not know a custom matcher, and says so', () => {
    const issues = new Issues();
    expect(compileStringMatcher({}, issues)).toBeUndefined();
    expect(issues.warnings).toHaveLength(1);
    expect(issues.errors).toEqual([]);
  });
});

describe('header matcher', () => {
  const request = testRequest('GET a/b', { 'X-N': '15', 'x-list': 'a' });
  request.headers.append('x-list', 'b');
  it.each([
    [{ name: 'x-n', string_match: { exact: '15' } }, true],
    [{ name: 'X-N', exact_match: '15' }, true],
    [{ name: 'x-n', prefix_match: '1' }, true],
    [{ name: 'x-n', suffix_match: '5' }, true],
    [{ name: 'x-n', contains_match: '5' }, true],
    [{ name: 'x-n', safe_regex_match: { regex: '\\d+' } }, true],
    [{ name: 'x-n', range_match: { start: 15, end: 16 } }, true],
    [{ name: 'x-n', range_match: { start: 10, end: 15 } }, false],
    [{ name: 'x-list', range_match: { start: 0, end: 99 } }, false],
    [{ name: 'x-list', exact_match: 'a' }, true],
    [{ name: 'x-list', exact_match: 'b' }, true],
    [{ name: 'x-list', exact_match: 'a,b' }, false],
    [{ name: 'x-n', present_match: true }, true],
    [{ name: 'x-n' }, true],
    [{ name: 'x-n', present_match: false }, false],
    [{ name: 'x-no', present_match: false }, true],
    [{ name: 'x-no', present_match: true, invert_match: true }, true],
    [{ name: 'x-n', exact_match: '15', invert_match: true }, false],
    [{ name: 'x-n', exact_match: '16', invert_match: true }, true],
    [{ name: 'x-no', exact_match: '16', invert_match: true }, false],
    [{ name: 'x-no', exact_match: '16', invert_match: true, treat_missing_header_as_empty: true }, true],
    [{ name: ':method', exact_match: 'GET' }, true],
    [{ name: ':authority', exact_match: 'a' }, true],
    [{ name: ':path', exact_match: '/b' }, true],
  ])('%j is %s', (matcher, matches) => {
    expect(compileHeaderMatcher(matcher, new Issues())?.(request)).toBe(matches);
  });
});

it('takes the first of repeated query parameters, undecoded', () => {
  expect([...parseQuery('/p?a=1&b&a=2&c=x%20y#f=1')]).toEqual([
    ['a', '1'],
    ['b', ''],
    ['c', 'x%20y'],
  ]);
});
