import { Code } from '../../api/codes.js';
import { readDocuments } from '../../api/documents.js';
import { objectTitle } from '../../api/finding.js';
import { type ConfigObject, type Finding, type ObjectKey, objectKey } from '../../api/object.js';
import { parseObject, type RejectedObject } from '../../api/parse-object.js';
import { isMapping } from '../../api/schema/schema.js';
import { CLOSED, isPolicyKind, KEPT, withFate } from '../last-good.js';
import type { FileText } from './file-cache.js';
import { guessPolicies } from './policies.js';

/** What one file gives, the last good state of its broken parts included. Immutable. */
export interface FileState {
  readonly name: string;
  readonly text: string | undefined;
  readonly fault: string | undefined;
  readonly lineCount: number;
  /** In the file's order; of two with one key the first counts. */
  readonly objects: ReadonlyMap<ObjectKey, ConfigObject>;
  readonly findings: readonly Finding[];
  /** Policies that cannot be read and have no last good state. */
  readonly unreadable: readonly RejectedObject[];
}

/**
 * Reads a file against what it gave before. A state with the same text is the same state. `namespace` is that of objects
 * that name none.
 */
export function readFile(file: FileText, previous: FileState | undefined, namespace?: string): FileState {
  if (previous !== undefined && previous.text === file.text && previous.fault === file.fault) return previous;
  const { name, text, fault } = file;
  if (text === undefined) {
    const message = (fault ?? 'cannot be read') + (previous === undefined ? '' : KEPT);
    const objects = previous?.objects ?? new Map<ObjectKey, ConfigObject>();
    return { name, text, fault, lineCount: 0, objects, findings: [unreadableFinding(name, message)], unreadable: [] };
  }
  const read = readDocuments(text, name);
  const parts = new Parts(previous);
  for (const { value, origin } of read.objects) parts.add(parseObject(inNamespace(value, namespace), origin));
  if (read.broken.length > 0) parts.keepAll(read.broken.flatMap((part) => guessPolicies(part.text)));
  const kept = read.broken.length > 0 && (previous?.objects.size ?? 0) > 0 ? KEPT : '';
  const findings = [
    ...read.findings.map((finding) => ({ ...finding, message: finding.message + kept })),
    ...parts.findings,
  ];
  return {
    name,
    text,
    fault,
    lineCount: countLines(text),
    objects: parts.objects,
    findings,
    unreadable: parts.unreadable,
  };
}

function inNamespace(object: Readonly<Record<string, unknown>>, namespace: string | undefined): typeof object {
  const { metadata } = object;
  return namespace === undefined || !isMapping(metadata) ? object : { ...object, metadata: { namespace, ...metadata } };
}

function unreadableFinding(file: string, message: string): Finding {
  return { code: Code.unreadable, level: 'error', object: '', file, line: undefined, field: '', message };
}

function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/** Collects a file's objects; what is rejected falls back to its last good state. */
class Parts {
  readonly #previous: ReadonlyMap<ObjectKey, ConfigObject>;
  readonly objects = new Map<ObjectKey, ConfigObject>();
  readonly findings: Finding[] = [];
  readonly unreadable: RejectedObject[] = [];

  constructor(previous: FileState | undefined) {
    this.#previous = previous?.objects ?? new Map();
  }

  add({ object, findings, rejected }: ReturnType<typeof parseObject>): void {
    if (object !== undefined) {
      this.findings.push(...findings, ...this.#put(object));
    } else if (rejected === undefined) {
      this.findings.push(...findings);
    } else {
      this.findings.push(...withFate(findings, this.#fallBack(rejected)));
    }
  }

  /** Of a file that is no YAML everything stays that was there; policies that were not are closed. */
  keepAll(guessed: readonly RejectedObject[]): void {
    for (const [key, object] of this.#previous) if (!this.objects.has(key)) this.objects.set(key, object);
    for (const policy of guessed) {
      if (!this.objects.has(objectKey(policy.kind, policy.namespace, policy.name))) this.unreadable.push(policy);
    }
  }

  #put(object: ConfigObject): Finding[] {
    const { kind, metadata, origin } = object;
    const key = objectKey(kind, metadata.namespace, metadata.name);
    const first = this.objects.get(key);
    if (first === undefined) {
      this.objects.set(key, object);
      return [];
    }
    return [duplicate(object, `line ${first.origin?.line ?? 1} of the same file`, origin?.file)];
  }

  /** What happens to an object that was rejected, as the end of its first message. */
  #fallBack(rejected: RejectedObject): string {
    const key = objectKey(rejected.kind, rejected.namespace, rejected.name);
    const good = this.#previous.get(key);
    if (good !== undefined) {
      if (!this.objects.has(key)) this.objects.set(key, good);
      return KEPT;
    }
    if (!isPolicyKind(rejected.kind)) return '';
    this.unreadable.push(rejected);
    return CLOSED;
  }
}

/** An object that is defined a second time, which has no effect. */
export function duplicate(object: ConfigObject, first: string, file: string | undefined): Finding {
  const { kind, metadata, origin } = object;
  return {
    code: Code.duplicateObject,
    level: 'error',
    object: objectTitle(kind, metadata.namespace, metadata.name),
    file,
    line: origin?.line,
    field: '',
    message: `is defined already in ${first}, which counts; remove one of them`,
  };
}
