import { expect, it } from 'vitest';
import type { MatchPredicate } from '../../proto/gen/envoy/config/common/matcher/v3/MatchPredicate.js';
import { compileErrorMatcher } from './compile-error-matcher.js';
import { FieldReport } from './fields.js';

const status = (code: string): MatchPredicate => ({
  http_response_headers_match: { headers: [{ name: ':status', string_match: { exact: code } }] },
});

it.each<[string, MatchPredicate, number[]]>([
  ['one status', status('418'), [418]],
  ['one of several', { or_match: { rules: [status('418'), status('503')] } }, [418, 503]],
  ['all but one', { not_match: status('200') }, [418, 429, 500, 503]],
  ['anything', { any_match: true }, [200, 418, 429, 500, 503]],
  [
    'a range and something else',
    {
      and_match: {
        rules: [
          { http_response_headers_match: { headers: [{ name: ':status', range_match: { start: 400, end: 500 } }] } },
          { not_match: status('429') },
        ],
      },
    },
    [418],
  ],
])('%s', (_name, message, expected) => {
  const report = new FieldReport();
  const test = compileErrorMatcher(message, 'error_matcher', report);
  expect([200, 418, 429, 500, 503].filter(test)).toEqual(expected);
  expect(report.errors).toEqual([]);
});

it.each<[string, MatchPredicate]>([
  ['another header', { http_response_headers_match: { headers: [{ name: 'x-bad', string_match: { exact: '1' } }] } }],
  ['headers of the request', { http_request_headers_match: { headers: [] } }],
  ['nothing', {}],
])('refuses a match of %s', (_name, message) => {
  const report = new FieldReport();
  compileErrorMatcher(message, 'error_matcher', report);
  expect(report.errors).toHaveLength(1);
});
