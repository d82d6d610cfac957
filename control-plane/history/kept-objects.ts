import { createHash } from 'node:crypto';
import type { ConfigObject, ObjectKey } from '../api/object.js';
import { objectYaml } from '../api/object-yaml.js';
import { redacted } from '../debug/redact.js';
import type { KindLists } from '../model/kind-lists.js';
import type { ConfigSet } from '../sources/source.js';

/**
 * Kinds that say what the mesh does. Where it runs (Services, pods, WorkloadEntries, nodes) stays live in every version, and
 * Secrets are never kept.
 */
const KINDS: ReadonlySet<string> = new Set([
  'VirtualService',
  'DestinationRule',
  'ServiceEntry',
  'Gateway',
  'ProxyConfig',
  'Sidecar',
  'EnvoyFilter',
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'Telemetry',
  'TrafficSplit',
  'ConfigMap',
]);

export type KeptObjects = ReadonlyMap<ObjectKey, ConfigObject>;

/** The objects of a set that a version consists of. */
export function keptObjects({ objects }: ConfigSet): Map<ObjectKey, ConfigObject> {
  return new Map([...objects].filter(([, object]) => isKept(object)));
}

/** The usual case, pods that come and go, costs no comparison of texts. */
export function haveSameKept(some: KindLists, others: KindLists): boolean {
  for (const kind of KINDS) if (!some.same(others, kind)) return false;
  return true;
}

const kept = new WeakMap<ConfigObject, boolean>();

/** An object with keys or tokens in it (an EnvoyFilter may have them) is like a Secret. */
export function isKept(object: ConfigObject): boolean {
  if (!KINDS.has(object.kind)) return false;
  let answer = kept.get(object);
  if (answer === undefined) {
    answer = JSON.stringify(redacted(object.spec)) === JSON.stringify(object.spec);
    kept.set(object, answer);
  }
  return answer;
}

const texts = new WeakMap<ConfigObject, string>();

/** As YAML: what is the same text is the same object. */
export function textOf(object: ConfigObject): string {
  let text = texts.get(object);
  if (text === undefined) {
    text = objectYaml(object);
    texts.set(object, text);
  }
  return text;
}

export function isSame(a: ConfigObject | undefined, b: ConfigObject | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && textOf(a) === textOf(b);
}

export interface ObjectChange {
  readonly key: ObjectKey;
  readonly before: ConfigObject | undefined;
  readonly after: ConfigObject | undefined;
}

/** What differs between two states, in the order of their names. */
export function changesBetween(before: KeptObjects, after: KeptObjects): ObjectChange[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((key) => {
    const change = { key, before: before.get(key), after: after.get(key) };
    return isSame(change.before, change.after) ? [] : [change];
  });
}

export function kindOfChange({ before, after }: ObjectChange): 'added' | 'modified' | 'removed' {
  return before === undefined ? 'added' : after === undefined ? 'removed' : 'modified';
}

export function nameOfChange({ before, after }: ObjectChange): { kind: string; namespace: string; name: string } {
  const { kind = '', metadata } = after ?? before ?? {};
  return { kind, namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' };
}

const digests = new WeakMap<ConfigObject, string>();

/** Name of a state: the same objects have the same, at every replica and after every restart. */
export function versionOf(objects: KeptObjects): string {
  const whole = createHash('sha256');
  for (const [key, object] of [...objects].sort(([a], [b]) => (a < b ? -1 : 1))) {
    let digest = digests.get(object);
    if (digest === undefined) {
      digest = createHash('sha256').update(textOf(object)).digest('hex');
      digests.set(object, digest);
    }
    whole.update(`${key} ${digest}\n`);
  }
  return whole.digest('hex').slice(0, 12);
}
