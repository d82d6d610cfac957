import { parse } from 'yaml';

/** What a text in an annotation or a Secret says as YAML or JSON; undefined when it is neither. */
export function readYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 }) as unknown;
  } catch {
    return undefined;
  }
}
