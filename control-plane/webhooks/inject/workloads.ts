import type { V1ObjectMeta, V1OwnerReference, V1Pod } from '@kubernetes/client-node';
import { isMapping } from '../../api/schema/schema.js';
import type { InjectionConfig } from './config.js';
import { decideOnceSeen, isInjected } from './decide.js';
import { inject } from './inject.js';

type Document = Readonly<Record<string, unknown>>;

/** What became of one object of a file. */
export interface InjectedDocument {
  readonly document: Document;
  readonly notes: readonly InjectionNote[];
}

export interface InjectionNote {
  /** `Deployment default/reviews`. */
  readonly object: string;
  readonly outcome: 'injected' | 'skipped' | 'refused';
  readonly messages: readonly string[];
}

/** Where a kind keeps its pod, from the object's root. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
  Rollout: ['spec', 'template'],
};

/** Injects whatever has pods in it; other objects, and pods that do not want a sidecar, stay as they are. */
export function injectDocument(document: unknown, namespace: string, config: InjectionConfig): InjectedDocument {
  if (!isMapping(document)) return { document: {}, notes: [] };
  const { kind, items } = document;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    const parts = items.map((item) => injectDocument(item, namespace, config));
    return {
      document: { ...document, items: parts.map((part) => part.document) },
      notes: parts.flatMap(({ notes }) => notes),
    };
  }
  const path = typeof kind === 'string' && Object.hasOwn(TEMPLATES, kind) ? TEMPLATES[kind] : undefined;
  if (typeof kind !== 'string' || path === undefined) return { document, notes: [] };
  const pod = at(document, path);
  return isMapping(pod) ? injectAt(document, kind, path, pod, namespace, config) : { document, notes: [] };
}

function injectAt(
  document: Document,
  kind: string,
  path: readonly string[],
  template: Document,
  fallback: string,
  config: InjectionConfig,
): InjectedDocument {
  const { name = '', namespace = fallback } = metadataOf(document);
  const object = `${kind} ${namespace}/${name}`;
  const note = (outcome: InjectionNote['outcome'], messages: readonly string[]): readonly InjectionNote[] => [
    { object, outcome, messages },
  ];
  const pod = asPod(template, kind === 'Pod' ? undefined : ownerReference(document, kind, name));
  const { inject: wanted, reason } = decideOnceSeen(pod, namespace, config.policy);
  if (!wanted || isInjected(pod)) {
    return { document, notes: note('skipped', [wanted ? 'it has a sidecar already' : reason]) };
  }
  const result = inject(pod, namespace, config);
  if (result.kind === 'refused') return { document, notes: note('refused', result.faults) };
  if (result.kind === 'unchanged') return { document, notes: note('skipped', ['it has a sidecar already']) };
  const { metadata, spec } = result.pod;
  const { ownerReferences: _added, ...kept } = metadata ?? {};
  const finished = { ...template, metadata: kind === 'Pod' ? (metadata ?? {}) : kept, spec };
  return { document: replaced(document, path, finished), notes: note('injected', result.warnings) };
}

function asPod(template: Document, owner: V1OwnerReference | undefined): V1Pod {
  const metadata = metadataOf(template);
  const owned = owner === undefined ? metadata : { ...metadata, ownerReferences: [owner] };
  // The API server checks the shape of a pod; injection reads it as one, and only what is there.
  return { ...template, metadata: owned } as V1Pod;
}

function ownerReference(document: Document, kind: string, name: string): V1OwnerReference {
  return { apiVersion: String(document['apiVersion']), kind, name, uid: '', controller: true };
}

function metadataOf(document: Document): V1ObjectMeta {
  const { metadata } = document;
  return isMapping(metadata) ? metadata : {};
}

function at(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isMapping(value) ? value[key] : undefined), document);
}

function replaced(document: Document, [key, ...rest]: readonly string[], value: Document): Document {
  if (key === undefined) return value;
  const below = document[key];
  return { ...document, [key]: replaced(isMapping(below) ? below : {}, rest, value) };
}
