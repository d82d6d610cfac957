import { EXTENSION } from '../../common/xds/type-urls.js';
import type { TypedExtensionConfig__Output } from '../../proto/gen/envoy/config/core/v3/TypedExtensionConfig.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf } from '../snapshot/wire-values.js';
import type { Expressions } from './expressions/compile.js';
import type { OperatorDeps } from './format-operators.js';

/** What the formats of an access log are compiled with. */
export function operatorDeps(expressions: Expressions, issues: Issues): OperatorDeps {
  return { expressions, warn: (message) => issues.warn(message) };
}

const FORMATTERS: ReadonlySet<string> = new Set([
  EXTENSION.reqWithoutQuery,
  EXTENSION.metadataFormatter,
  EXTENSION.celFormatter,
]);

/** Those whose operators are always there; any other one is an error. */
export function checkFormatters(formatters: readonly TypedExtensionConfig__Output[] | undefined, issues: Issues): void {
  for (const [index, { typed_config: formatter }] of (formatters ?? []).entries()) {
    if (!FORMATTERS.has(typeUrlOf(formatter))) issues.at(index).error('is not supported');
  }
}
