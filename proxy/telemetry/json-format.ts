import type { Json } from '../../common/xds/struct.js';
import type { MetadataValue } from '../http/dynamic-metadata.js';
import { compileFormat, type FormatContext } from './format.js';
import type { OperatorDeps } from './format-operators.js';

type Value = MetadataValue | undefined | readonly Value[] | { readonly [key: string]: Value };
type Render = (context: FormatContext) => Value;

/** A JSON access log: strings are format strings, a lone operator keeps its type, keys are sorted as Envoy sorts them. */
export function compileJsonFormat(
  template: { readonly [key: string]: Json },
  omitEmpty: boolean,
  deps: OperatorDeps = {},
): (context: FormatContext) => string {
  const render = compileObject(template, omitEmpty, deps);
  return (context) => `${JSON.stringify(render(context))}\n`;
}

function compileValue(template: Json, omitEmpty: boolean, deps: OperatorDeps): Render {
  if (typeof template === 'string') {
    const compiled = compileFormat(template, deps);
    return (context) => compiled.value(context) ?? (omitEmpty ? undefined : null);
  }
  if (Array.isArray(template)) {
    const items = template.map((item: Json) => compileValue(item, omitEmpty, deps));
    return (context) => items.map((item) => item(context));
  }
  if (typeof template === 'object' && template !== null) {
    return compileObject(template as { readonly [key: string]: Json }, omitEmpty, deps);
  }
  return () => template as Value;
}

function compileObject(template: { readonly [key: string]: Json }, omitEmpty: boolean, deps: OperatorDeps): Render {
  const members = Object.keys(template)
    .sort()
    .map((key) => [key, compileValue(template[key] ?? null, omitEmpty, deps)] as const);
  return (context) => Object.fromEntries(members.map(([key, value]) => [key, value(context)]));
}
