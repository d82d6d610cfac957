import { messageOf } from '../../common/runtime/errors.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { AccessLogFilter__Output } from '../../proto/gen/envoy/config/accesslog/v3/AccessLogFilter.js';
import type { ComparisonFilter__Output } from '../../proto/gen/envoy/config/accesslog/v3/ComparisonFilter.js';
import type { ExtensionFilter__Output } from '../../proto/gen/envoy/config/accesslog/v3/ExtensionFilter.js';
import type { ExpressionFilter__Output } from '../../proto/gen/envoy/extensions/access_loggers/filters/cel/v3/ExpressionFilter.js';
import { FLAG, type FlagName } from '../http/flags.js';
import { compileHeaderMatcher } from '../router/matchers/header-matcher.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import type { Expressions } from './expressions/compile.js';
import type { FormatContext } from './format.js';

/** Whether a finished request is logged. */
export type LogFilter = (context: FormatContext) => boolean;

/** Compiles envoy.config.accesslog.v3.AccessLogFilter; undefined after an error. */
export function compileLogFilter(
  filter: AccessLogFilter__Output,
  expressions: Expressions,
  issues: Issues,
): LogFilter | undefined {
  const { status_code_filter, duration_filter, header_filter, response_flag_filter, extension_filter } = filter;
  if (status_code_filter !== undefined) {
    const holds = compileComparison(status_code_filter.comparison, issues.at('status_code_filter'));
    return holds && (({ info }) => holds(info.responseCode));
  }
  if (duration_filter !== undefined) {
    const holds = compileComparison(duration_filter.comparison, issues.at('duration_filter'));
    return holds && (({ info }) => holds(Math.floor(info.end - info.start)));
  }
  // Nothing here answers health checks itself, so no request counts as one.
  if (filter.not_health_check_filter !== undefined) return () => true;
  if (filter.and_filter !== undefined)
    return compileAll(filter.and_filter.filters, expressions, issues.at('and_filter'), 'and');
  if (filter.or_filter !== undefined)
    return compileAll(filter.or_filter.filters, expressions, issues.at('or_filter'), 'or');
  if (response_flag_filter !== undefined) {
    return compileFlags(response_flag_filter.flags ?? [], issues.at('response_flag_filter').at('flags'));
  }
  if (header_filter?.header !== undefined) {
    const test = compileHeaderMatcher(header_filter.header, issues.at('header_filter').at('header'));
    return test && (({ request }) => request !== undefined && test(request));
  }
  if (extension_filter !== undefined)
    return compileExtension(extension_filter, expressions, issues.at('extension_filter'));
  issues.error('is not supported');
  return undefined;
}

/** There is no runtime that could override the default value. */
function compileComparison(
  comparison: ComparisonFilter__Output | undefined,
  issues: Issues,
): ((value: number) => boolean) | undefined {
  if (comparison === undefined) {
    issues.at('comparison').error('is missing');
    return undefined;
  }
  const limit = comparison.value?.default_value ?? 0;
  switch (comparison.op ?? 'EQ') {
    case 'GE':
      return (value) => value >= limit;
    case 'LE':
      return (value) => value <= limit;
    default:
      return (value) => value === limit;
  }
}

function compileAll(
  filters: readonly AccessLogFilter__Output[] | undefined,
  expressions: Expressions,
  issues: Issues,
  how: 'and' | 'or',
): LogFilter | undefined {
  const compiled = (filters ?? []).map((filter, index) =>
    compileLogFilter(filter, expressions, issues.at('filters').at(index)),
  );
  if (compiled.length < 2) issues.at('filters').error('needs at least two filters');
  const usable = compiled.filter((filter) => filter !== undefined);
  if (usable.length < compiled.length) return undefined;
  return how === 'and'
    ? (context) => usable.every((filter) => filter(context))
    : (context) => usable.some((filter) => filter(context));
}

/** Any of the flags; without a list, any flag at all. */
function compileFlags(names: readonly string[], issues: Issues): LogFilter | undefined {
  let mask = 0;
  let wrong = false;
  for (const [index, name] of names.entries()) {
    if (Object.hasOwn(FLAG, name)) mask |= FLAG[name as FlagName];
    else {
      issues.at(index).error(`unknown response flag ${name}`);
      wrong = true;
    }
  }
  if (wrong) return undefined;
  return names.length === 0 ? ({ info }) => info.flags !== 0 : ({ info }) => (info.flags & mask) !== 0;
}

function compileExtension(
  filter: ExtensionFilter__Output,
  expressions: Expressions,
  issues: Issues,
): LogFilter | undefined {
  const at = issues.at('typed_config');
  const type = typeUrlOf(filter.typed_config);
  if (filter.typed_config === undefined || type !== EXTENSION.celAccessLogFilter) {
    at.error(`log filter type ${type} is not supported`);
    return undefined;
  }
  try {
    const compiled = expressions.compile(unpacked<ExpressionFilter__Output>(filter.typed_config).expression ?? '');
    if (compiled.fault !== undefined) at.at('expression').warn(`nothing is logged: ${compiled.fault}`);
    return (context) => compiled.value(context) === true;
  } catch (error) {
    at.at('expression').error(messageOf(error));
    return undefined;
  }
}
