import type { Issues } from '../../snapshot/issues.js';
import { compileRegex, type StringTest } from './regex.js';

/** What Envoy takes for a character of a path (RFC 3986 pchar without `*` and `=`). */
const PCHAR = "a-zA-Z0-9\\-._~%!$&'()+,;:@";
const LITERAL = new RegExp(`^[${PCHAR}]+$`);
const VARIABLE = /^[a-zA-Z][a-zA-Z0-9_]{0,15}$/;
const MAX_VARIABLES = 5;
const ONE = `[${PCHAR}]+`;
const ANY = `[${PCHAR}/]*`;

/**
 * Compiles a path template of Envoy's uri_template matcher: `*` is one segment, `**` any number of them and the last operator,
 * `{name}` and `{name=pattern}` are the same with a name. undefined after an error.
 */
export function compileUriTemplate(template: string, issues: Issues): StringTest | undefined {
  const pattern = /^\/[!-~]*$/.test(template) ? templatePattern(template.slice(1)) : undefined;
  if (pattern === undefined) {
    issues.error(`'${template}' is no valid path template`);
    return undefined;
  }
  return compileRegex({ regex: pattern }, issues);
}

/** The regular expression of a template without its leading slash, or undefined when it is not valid. */
function templatePattern(rest: string): string | undefined {
  const names = new Set<string>();
  const operators: string[] = [];
  let pattern = '/';
  const parts = segments(rest);
  for (const [index, part] of parts.entries()) {
    const one = segmentPattern(part.replaceAll('\n', '/'), index === parts.length - 1, operators, names);
    if (one === undefined) return undefined;
    pattern += (index === 0 ? '' : '/') + one;
  }
  const open = operators.indexOf('**');
  return (open >= 0 && open < operators.length - 1) || names.size > MAX_VARIABLES ? undefined : pattern;
}

/** Parts between slashes that stand outside of braces. */
function segments(text: string): string[] {
  return text.replace(/\{[^}]*\}/g, (variable) => variable.replaceAll('/', '\n')).split('/');
}

/** One segment: a literal, or an operator or variable, which only at the end of a template may have a suffix. */
function segmentPattern(text: string, last: boolean, operators: string[], names: Set<string>): string | undefined {
  if (text === '') return last ? '' : undefined;
  const [, operator, name, suffix = ''] = /^(\*\*?|\{([^}]*)\})?(.*)$/s.exec(text) ?? [];
  if (suffix !== '' && (!LITERAL.test(suffix) || (operator !== undefined && !last))) return undefined;
  if (operator === undefined) return quote(suffix);
  const body = name === undefined ? operatorPattern(operator, operators) : variablePattern(name, operators, names);
  return body === undefined ? undefined : body + quote(suffix);
}

function operatorPattern(operator: string, operators: string[]): string {
  operators.push(operator);
  return operator === '**' ? ANY : ONE;
}

function variablePattern(text: string, operators: string[], names: Set<string>): string | undefined {
  const [, name = '', match] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  if (!VARIABLE.test(name) || names.has(name)) return undefined;
  names.add(name);
  if (match === undefined) return operatorPattern('*', operators);
  const parts = match
    .split('/')
    .map((part) =>
      part === '*' || part === '**' ? operatorPattern(part, operators) : LITERAL.test(part) ? quote(part) : undefined,
    );
  return parts.every((part) => part !== undefined) ? parts.join('/') : undefined;
}

function quote(text: string): string {
  return text.replace(/[$()+.]/g, '\\$&');
}
