import { checkExpression } from '../../../common/expressions/check.js';
import { Code } from '../codes.js';
import { refine, type Schema } from '../schema/schema.js';
import { text } from './shared.js';

/** An expression over a request and its response. One that cannot be read is refused; one that never has a value is told. */
export function expression(consequence: string): Schema<string> {
  return refine(text, (source, path, report) => {
    const found = source === '' ? undefined : checkExpression(source);
    if (found === undefined) return;
    if (found.level === 'error') report.error(path, `is no expression: ${found.message}`);
    else report.warn(Code.withoutEffect, path, `${found.message}; ${consequence}`);
  });
}
