import { analyze } from '../../analyze/analyze.js';
import { Code } from '../../api/codes.js';
import { objectTitle } from '../../api/finding.js';
import { type ConfigObject, type Finding, type ObjectKey, type Origin, objectKey } from '../../api/object.js';
import { parseObject } from '../../api/parse-object.js';
import { isMapping } from '../../api/schema/schema.js';
import type { ConfigSet } from '../../sources/source.js';

export interface Validation {
  /** Faults in the object itself: it must not be stored. */
  readonly faults: readonly string[];
  /** What has no effect, and what refers to nothing that is there yet. */
  readonly warnings: readonly string[];
}

const NOWHERE: Origin = { file: '', line: 0, lineOf: () => 0 };

/** Judges one object by itself, and what it refers to by what is there. Pure. */
export function validateObject(document: unknown, set: ConfigSet | undefined): Validation {
  const { object, findings } = parseObject(document, NOWHERE);
  const faults = findings.filter(({ level }) => level === 'error');
  if (faults.length > 0 || object === undefined || set === undefined) {
    return { faults: lines(faults), warnings: lines(findings.filter(({ level }) => level === 'warning')) };
  }
  const { kind, metadata } = object;
  const title = objectTitle(kind, metadata.namespace, metadata.name);
  const objects = surroundings(set, metadata.namespace).set(objectKey(kind, metadata.namespace, metadata.name), object);
  const others = analyze({ ...set, objects, findings: [] }).filter((finding) => finding.object === title);
  const contradictions = others.filter(({ level, code }) => level === 'error' && code === Code.schema);
  const doubts = others.filter((finding) => finding.level !== 'info' && !contradictions.includes(finding));
  return {
    faults: lines(contradictions),
    warnings: lines([...findings.filter(({ level }) => level === 'warning'), ...doubts]),
  };
}

/** What rules apply to traffic elsewhere does not matter for this object; leaving it out makes this a matter of milliseconds. */
const APPLIED: readonly string[] = [
  'VirtualService',
  'TrafficSplit',
  'Sidecar',
  'Telemetry',
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
];

/** What an object of a namespace can refer to or contradict. */
function surroundings({ objects }: ConfigSet, namespace: string): Map<ObjectKey, ConfigObject> {
  const near = ({ kind, metadata, spec }: ConfigObject): boolean =>
    metadata.namespace === namespace || !APPLIED.includes(kind) || isDelegate(kind, spec);
  return new Map([...objects].filter(([, object]) => near(object)));
}

/** A VirtualService without hosts is one that others refer to. */
function isDelegate(kind: string, spec: unknown): boolean {
  if (kind !== 'VirtualService' || !isMapping(spec)) return false;
  const { hosts } = spec;
  return !Array.isArray(hosts) || hosts.length === 0;
}

function lines(findings: readonly Finding[]): readonly string[] {
  const texts = findings.map(({ field, message, code }) => `${field === '' ? '' : `${field}: `}${message} [${code}]`);
  return [...new Set(texts)];
}
