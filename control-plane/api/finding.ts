import type { ConfigObject, Finding } from './object.js';
import type { Issue } from './schema/report.js';

/** `VirtualService default/reviews`. */
export function objectTitle(kind: string, namespace: string, name: string): string {
  return `${kind} ${namespace}/${name}`;
}

/** A finding about a place in an object. */
export function findingOf(object: Pick<ConfigObject, 'kind' | 'metadata' | 'origin'>, issue: Issue): Finding {
  const { origin } = object;
  return {
    code: issue.code,
    level: issue.level,
    object: objectTitle(object.kind, object.metadata.namespace, object.metadata.name),
    file: origin?.file,
    line: issue.path === '' ? origin?.line : origin?.lineOf(issue.path),
    field: issue.path,
    message: issue.message,
  };
}

/**
 * One line for people: `reviews.yaml:14 spec.http[0].route[1].weight: must be …`; the object where there is no file, or no
 * field.
 */
export function formatFinding(finding: Finding): string {
  const place = [finding.file, finding.line].filter((part) => part !== undefined).join(':');
  const object = place === '' || finding.field === '' ? finding.object : '';
  const subject = [place, object, finding.field].filter((part) => part !== '');
  return `${subject.join(' ')}: ${finding.message}`;
}
