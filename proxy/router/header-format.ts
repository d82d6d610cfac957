import { compileFormat } from '../telemetry/format.js';
import type { HeaderFormat, HeaderFormatCompiler } from './header-mutation.js';

const OPERATOR = /%(?:%|[A-Z][A-Z0-9_]*(?:\(.*?\))?(?::\d+)?%)/gs;

/** Header values with the operators of the access log; what an absent value leaves behind is nothing, not `-`. */
export const compileHeaderFormat: HeaderFormatCompiler = (template) => {
  const parts: (string | HeaderFormat)[] = [];
  let end = 0;
  for (const match of template.matchAll(OPERATOR)) {
    parts.push(literal(template.slice(end, match.index), template), operator(match[0]));
    end = match.index + match[0].length;
  }
  parts.push(literal(template.slice(end), template));
  const used = parts.filter((part) => part !== '');
  return {
    format(context) {
      let text = '';
      for (const part of used) text += typeof part === 'string' ? part : part.format(context);
      return text;
    },
  };
};

function literal(text: string, template: string): string {
  if (text.includes('%')) throw new Error(`'${template}' holds a '%' that begins no operator; write '%%' for one`);
  return text;
}

function operator(text: string): string | HeaderFormat {
  if (text === '%%') return '%';
  return compileFormat(text, { omitEmpty: true });
}
