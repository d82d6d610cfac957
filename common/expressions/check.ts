import { ATTRIBUTES, type AttributeRoot } from './attributes.js';
import { type AttributeClasses, ExpressionLanguage } from './language.js';

let language: ExpressionLanguage | undefined;

/** What is wrong with an expression: `error` where it cannot be read, `warning` where it has no value whatever comes. */
export function checkExpression(
  source: string,
): { readonly level: 'error' | 'warning'; readonly message: string } | undefined {
  language ??= new ExpressionLanguage(noClasses());
  try {
    const { fault } = language.parse(source);
    return fault === undefined ? undefined : { level: 'warning', message: fault };
  } catch (error) {
    return { level: 'error', message: error instanceof Error ? error.message.replace(/^expression: /, '') : '' };
  }
}

/** Nothing is evaluated here. */
function noClasses(): AttributeClasses {
  const roots = Object.keys(ATTRIBUTES) as AttributeRoot[];
  return Object.fromEntries(roots.map((root) => [root, class {}])) as unknown as AttributeClasses;
}
