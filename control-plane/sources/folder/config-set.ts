import { type ConfigObject, type Finding, type ObjectKey, objectKey } from '../../api/object.js';
import { isPolicyKind } from '../last-good.js';
import type { ConfigSet } from '../source.js';
import { duplicate, type FileState } from './file-state.js';

/** One set of all files, in order of path; of objects defined twice the first counts. */
export function mergeFiles(files: readonly FileState[], extra: readonly Finding[]): ConfigSet {
  const objects = new Map<ObjectKey, ConfigObject>();
  const findings: Finding[] = [...extra];
  for (const file of files) {
    findings.push(...file.findings);
    for (const [key, object] of file.objects) {
      const first = objects.get(key);
      if (first === undefined) objects.set(key, object);
      else findings.push(duplicate(object, `${first.origin?.file ?? '?'}:${first.origin?.line ?? 1}`, file.name));
    }
  }
  const unreadablePolicies: ConfigSet['unreadablePolicies'][number][] = [];
  for (const { kind, namespace, name, selector } of files.flatMap((file) => file.unreadable)) {
    if (!isPolicyKind(kind) || objects.has(objectKey(kind, namespace, name))) continue;
    unreadablePolicies.push({ kind, namespace, name, selector });
  }
  return { objects, findings, unreadablePolicies };
}

/** Equal for sets that say the same, places included. */
export function fingerprint(set: ConfigSet, files: readonly FileState[]): string {
  const objects = [...set.objects.values()].map(({ origin, ...object }) => [origin?.file, origin?.line, object]);
  // A comment inside an object moves its lines without changing anything else.
  const lines = files.map(({ name, lineCount }) => [name, lineCount]);
  return JSON.stringify([objects, set.findings, set.unreadablePolicies, lines]);
}
