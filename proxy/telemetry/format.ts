import type { RequestHead, ResponseHead } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';
import { compileOperator, type OperatorDeps, type OperatorValue } from './format-operators.js';

/** What a log line is made from; the heads are undefined for TCP and where none was sent or received. */
export interface FormatContext {
  readonly info: StreamInfo;
  readonly request: RequestHead | undefined;
  readonly response: ResponseHead | undefined;
}

/** A compiled substitution format string (Envoy's access log format). */
export interface CompiledFormat {
  /** The line. Absent values are `-`; control characters in values are escaped, so that nobody can forge a line. */
  format(context: FormatContext): string;
  /** For JSON: a lone operator keeps its type and is undefined when absent; anything else is {@link format}'s text. */
  value(context: FormatContext): OperatorValue;
}

type Getter = (context: FormatContext) => OperatorValue;

/** `omitEmpty` leaves absent values out of the line. Throws an Error that names the operator, or the position, that cannot be understood. */
export function compileFormat(
  template: string,
  options: OperatorDeps & { readonly omitEmpty?: boolean } = {},
): CompiledFormat {
  const { literals, getters } = parse(template, options);
  const format = render(literals, getters, options.omitEmpty === true ? '' : '-');
  const only = getters.length === 1 && literals.every((literal) => literal === '') ? getters[0] : undefined;
  return { format, value: only ?? format };
}

/** Text before, between and after the operators: always one more literal than operators. */
function render(
  literals: readonly string[],
  getters: readonly Getter[],
  absent: string,
): (context: FormatContext) => string {
  const first = literals[0] ?? '';
  const parts = getters.map((get, index) => ({ get, after: literals[index + 1] ?? '' }));
  return (context) => {
    let line = first;
    for (const part of parts) line += show(part.get(context), absent) + part.after;
    return line;
  };
}

function show(value: OperatorValue, absent: string): string {
  if (value === undefined) return absent;
  if (typeof value === 'string') return escapeControl(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const CONTROL = /\p{Cc}/u;

/** Control characters as `\xHH`; everything else stays as it is. */
export function escapeControl(text: string): string {
  if (!CONTROL.test(text)) return text;
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** `%NAME%`, `%NAME(arguments)%`, `%NAME(arguments):length%`; `%%` is a percent sign. */
const OPERATOR = /%(?:%|([A-Z][A-Z0-9_]*)(?:\((.*?)\))?(?::(\d+))?%)/sy;

function parse(template: string, deps: OperatorDeps): { literals: string[]; getters: Getter[] } {
  const literals: string[] = [];
  const getters: Getter[] = [];
  let literal = '';
  let at = 0;
  while (at < template.length) {
    const percent = template.indexOf('%', at);
    if (percent < 0) break;
    literal += template.slice(at, percent);
    OPERATOR.lastIndex = percent;
    const match = OPERATOR.exec(template);
    if (match === null)
      throw new Error(`format: no operator at position ${percent}: ${template.slice(percent, percent + 30)}`);
    at = OPERATOR.lastIndex;
    const name = match[1];
    if (name === undefined) {
      literal += '%';
      continue;
    }
    literals.push(literal);
    literal = '';
    getters.push(compileOperator(name, match[2], match[3] === undefined ? undefined : Number(match[3]), deps));
  }
  literals.push(literal + template.slice(at));
  return { literals, getters };
}
