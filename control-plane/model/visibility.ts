/** Resolves an `exportTo` list: `.` is the object's own namespace, an empty list the mesh's default. */
export function exportedTo(
  list: readonly string[] | undefined,
  namespace: string,
  fallback: readonly string[],
): ReadonlySet<string> {
  const chosen = list === undefined || list.length === 0 ? fallback : list;
  return new Set(chosen.map((entry) => (entry === '.' ? namespace : entry)));
}

export function isVisible(exportTo: ReadonlySet<string>, namespace: string): boolean {
  return exportTo.has('*') || exportTo.has(namespace);
}
