import { isMapping } from '../../api/schema/schema.js';

/** An operation of RFC 6902. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** What leads from one JSON value to another. Lists that differ are replaced as a whole. */
export function jsonPatch(from: unknown, to: unknown, path = ''): PatchOperation[] {
  if (from === to) return [];
  if (isMapping(from) && isMapping(to)) return ofObjects(from, to, path);
  if (Array.isArray(from) && Array.isArray(to) && JSON.stringify(from) === JSON.stringify(to)) return [];
  return [{ op: 'replace', path, value: to }];
}

function ofObjects(
  from: Readonly<Record<string, unknown>>,
  to: Readonly<Record<string, unknown>>,
  path: string,
): PatchOperation[] {
  const operations: PatchOperation[] = [];
  for (const key of Object.keys(from)) {
    if (to[key] === undefined) operations.push({ op: 'remove', path: `${path}/${escaped(key)}` });
  }
  for (const [key, value] of Object.entries(to)) {
    if (value === undefined) continue;
    const at = `${path}/${escaped(key)}`;
    if (from[key] === undefined) operations.push({ op: 'add', path: at, value });
    else operations.push(...jsonPatch(from[key], value, at));
  }
  return operations;
}

function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
