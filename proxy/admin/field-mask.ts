/** The part of a JSON value that google.protobuf.FieldMask paths name; undefined when they name nothing in it. */
export function applyMask(value: unknown, paths: readonly string[]): unknown {
  return pick(
    value,
    paths.map((path) => path.split('.')),
  );
}

function pick(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) return value.map((element) => pick(element, paths) ?? {});
  if (typeof value !== 'object' || value === null) return undefined;
  const picked: [string, unknown][] = [];
  for (const [key, member] of Object.entries(value)) {
    if (key === '@type') continue;
    const rest = paths.filter((path) => path[0] === key).map((path) => path.slice(1));
    const part = rest.length === 0 ? undefined : pick(member, rest);
    if (part !== undefined) picked.push([key, part]);
  }
  if (picked.length === 0) return undefined;
  const type = '@type' in value ? [['@type', value['@type']] as [string, unknown]] : [];
  return Object.fromEntries([...type, ...picked]);
}
