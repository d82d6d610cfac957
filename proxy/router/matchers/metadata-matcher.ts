import type { MetadataMatcher__Output } from '../../../proto/gen/envoy/type/matcher/v3/MetadataMatcher.js';
import type { ValueMatcher__Output } from '../../../proto/gen/envoy/type/matcher/v3/ValueMatcher.js';
import { type DynamicMetadata, type MetadataValue, metadataAt } from '../../http/dynamic-metadata.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileStringMatcher } from './string-matcher.js';

export type MetadataTest = (metadata: DynamicMetadata | undefined) => boolean;
type ValueTest = (value: MetadataValue | undefined) => boolean;

/** Values within values of a matcher; more is no configuration that somebody wrote. */
const MAX_DEPTH = 32;

/** Compiles a MetadataMatcher. undefined when it is not valid, or of a kind that we do not know, as string matchers. */
export function compileMetadataMatcher(matcher: MetadataMatcher__Output, issues: Issues): MetadataTest | undefined {
  const { filter = '' } = matcher;
  const path = (matcher.path ?? []).map(({ key }) => key ?? '');
  if (filter === '') issues.at('filter').error('is empty');
  if (path.length === 0) issues.at('path').error('is empty');
  if (matcher.value === undefined) issues.at('value').error('is missing');
  if (filter === '' || path.length === 0 || matcher.value === undefined) return undefined;
  const test = compileValueMatcher(matcher.value, issues.at('value'), 0);
  if (test === undefined) return undefined;
  const invert = matcher.invert === true;
  return (metadata) => test(metadataAt(metadata, filter, path)) !== invert;
}

function compileValueMatcher(matcher: ValueMatcher__Output, issues: Issues, depth: number): ValueTest | undefined {
  if (depth > MAX_DEPTH) {
    issues.error('is nested too deeply');
    return undefined;
  }
  if (matcher.null_match !== undefined) return (value) => value === null;
  if (matcher.double_match !== undefined) return doubleTest(matcher.double_match);
  if (matcher.string_match !== undefined) {
    const test = compileStringMatcher(matcher.string_match, issues.at('string_match'));
    return test === undefined ? undefined : (value) => typeof value === 'string' && test(value);
  }
  if (matcher.bool_match !== undefined) return (value) => value === matcher.bool_match;
  if (matcher.present_match !== undefined) return (value) => matcher.present_match === true && value !== undefined;
  if (matcher.list_match !== undefined) {
    const one = compileValueMatcher(matcher.list_match.one_of ?? {}, issues.at('list_match').at('one_of'), depth + 1);
    return one === undefined ? undefined : (value) => Array.isArray(value) && value.some(one);
  }
  if (matcher.or_match !== undefined) {
    const tests = (matcher.or_match.value_matchers ?? []).map((inner, index) =>
      compileValueMatcher(inner, issues.at('or_match').at(index), depth + 1),
    );
    if (!tests.every((test) => test !== undefined)) return undefined;
    return (value) => tests.some((test) => test(value));
  }
  issues.warn('unknown kind of value matcher: it matches nothing');
  return undefined;
}

function doubleTest(matcher: NonNullable<ValueMatcher__Output['double_match']>): ValueTest {
  const { range, exact } = matcher;
  if (range === undefined) return (value) => value === Number(exact);
  const { start = 0, end = 0 } = range;
  return (value) => typeof value === 'number' && value >= Number(start) && value < Number(end);
}
