import type { HttpHeadersMatch } from '../../proto/gen/envoy/config/common/matcher/v3/HttpHeadersMatch.js';
import type { MatchPredicate } from '../../proto/gen/envoy/config/common/matcher/v3/MatchPredicate.js';
import type { FieldReport } from './fields.js';

type StatusTest = (status: number) => boolean;

/** HttpProtocolOptions.OutlierDetection.error_matcher, as far as it is about the status of a response. */
export function compileErrorMatcher(message: MatchPredicate, path: string, report: FieldReport): StatusTest {
  const all = (set: MatchPredicate['or_match'], name: string): readonly StatusTest[] =>
    (set?.rules ?? []).map((rule, index) => compileErrorMatcher(rule, `${path}.${name}.rules[${index}]`, report));
  if (message.any_match === true) return () => true;
  if (message.or_match) {
    const tests = all(message.or_match, 'or_match');
    return (status) => tests.some((test) => test(status));
  }
  if (message.and_match) {
    const tests = all(message.and_match, 'and_match');
    return (status) => tests.every((test) => test(status));
  }
  if (message.not_match) {
    const test = compileErrorMatcher(message.not_match, `${path}.not_match`, report);
    return (status) => !test(status);
  }
  if (message.http_response_headers_match) {
    return compileHeaders(message.http_response_headers_match, `${path}.http_response_headers_match`, report);
  }
  report.error(path, 'only a match of the status is supported');
  return () => false;
}

function compileHeaders(message: HttpHeadersMatch, path: string, report: FieldReport): StatusTest {
  const tests = (message.headers ?? []).map((header, index): StatusTest => {
    const exact = header.string_match?.exact ?? header.exact_match;
    const range = header.range_match;
    const inverted = header.invert_match === true;
    if (header.name !== ':status' || (exact === undefined && !range)) {
      report.error(`${path}.headers[${index}]`, 'only a match of the status is supported');
      return () => false;
    }
    const start = Number(range?.start ?? 0);
    const end = Number(range?.end ?? 0);
    const test: StatusTest = range ? (status) => status >= start && status < end : (status) => String(status) === exact;
    return inverted ? (status) => !test(status) : test;
  });
  return (status) => tests.every((test) => test(status));
}
