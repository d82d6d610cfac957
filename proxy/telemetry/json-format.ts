import type { Json } from '../../common/xds/struct.js';
import { compileFormat, type FormatContext } from './format.js';

type Value = string | number | boolean | null | undefined | Value[] | { [key: string]: Value };
type Render = (context: FormatContext) => Value;

/** A JSON access log: strings are format strings, a lone operator keeps its type, keys are sorted as Envoy sorts them. */
export function compileJsonFormat(
  template: { readonly [key: string]: Json },
  omitEmpty: boolean,
): (context: FormatContext) => string {
  const render = compileObject(template, omitEmpty);
  return (context) => `${JSON.stringify(render(context))}\n`;
}

function compileValue(template: Json, omitEmpty: boolean): Render {
  if (typeof template === 'string') {
    const compiled = compileFormat(template);
    return (context) => compiled.value(context) ?? (omitEmpty ? undefined : null);
  }
  if (Array.isArray(template)) {
    const items = template.map((item: Json) => compileValue(item, omitEmpty));
    return (context) => items.map((item) => item(context));
  }
  if (typeof template === 'object' && template !== null) {
    return compileObject(template as { readonly [key: string]: Json }, omitEmpty);
  }
  return () => template as Value;
}

function compileObject(template: { readonly [key: string]: Json }, omitEmpty: boolean): Render {
  const members = Object.keys(template)
    .sort()
    .map((key) => [key, compileValue(template[key] ?? null, omitEmpty)] as const);
  return (context) => Object.fromEntries(members.map(([key, value]) => [key, value(context)]));
}
