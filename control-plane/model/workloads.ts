import type { NodeSpec } from '../api/kinds/core.js';
import type { WorkloadEntrySpec } from '../api/kinds/workload-entry.js';
import { type ConfigObject, objectKey } from '../api/object.js';
import { SortedMap } from '../sorted-map.js';
import type { Allotments, Sidecar } from './allotment.js';
import type { KindLists } from './kind-lists.js';
import { podWorkload } from './pods.js';
import { ownProxyConfig } from './proxy-config.js';
import type { Workload } from './service.js';

/** What describes workloads. */
export interface WorkloadObjects {
  readonly lists: KindLists;
  readonly nodes: ReadonlyMap<string, ConfigObject<NodeSpec>>;
  readonly allotments: Allotments;
}

export type Workloads = SortedMap<string, Workload>;

/**
 * Workloads by `namespace/name`, from WorkloadEntries and Pods; those that are not ready too, since their sidecars are there. `before`:
 * from what others were made, and these, of which only what has changed is made anew.
 */
export function buildWorkloads(
  objects: WorkloadObjects,
  before?: WorkloadObjects & { readonly workloads: Workloads },
): Workloads {
  const keys = before === undefined ? undefined : changedKeys(objects, before);
  if (before !== undefined && keys !== undefined) {
    let { workloads } = before;
    for (const key of keys) workloads = workloads.changed(key, workloadOf(key, objects));
    return workloads;
  }
  const { lists } = objects;
  const all = new Set([...lists.of('Pod'), ...lists.of('WorkloadEntry')].map(({ metadata }) => workloadKey(metadata)));
  return SortedMap.from(
    [...all].flatMap((key) => {
      const workload = workloadOf(key, objects);
      return workload === undefined ? [] : [[key, workload] as const];
    }),
  );
}

/** Undefined where any of them may have changed. */
function changedKeys(
  { lists, nodes, allotments }: WorkloadObjects,
  before: WorkloadObjects,
): ReadonlySet<string> | undefined {
  if (nodes !== before.nodes) return undefined;
  const allotted = changedAllotments(allotments, before.allotments);
  if (allotted === undefined) return undefined;
  const objects = [...lists.since(before.lists, 'Pod'), ...lists.since(before.lists, 'WorkloadEntry')];
  return new Set([...allotted, ...objects.flatMap((one) => keyOfChange(one))]);
}

function keyOfChange({
  before,
  after,
}: {
  before: ConfigObject | undefined;
  after: ConfigObject | undefined;
}): string[] {
  const object = after ?? before;
  return object === undefined ? [] : [workloadKey(object.metadata)];
}

function changedAllotments(allotments: Allotments, before: Allotments): readonly string[] | undefined {
  if (allotments === before) return [];
  if (allotments instanceof SortedMap && before instanceof SortedMap) {
    return (allotments as SortedMap<string, Sidecar>).since(before as SortedMap<string, Sidecar>).map(({ key }) => key);
  }
  if (allotments.size !== before.size) return undefined;
  for (const [name, sidecar] of allotments) if (before.get(name) !== sidecar) return undefined;
  return [];
}

/** An entry goes before a pod of its name. */
function workloadOf(key: string, { lists, nodes, allotments }: WorkloadObjects): Workload | undefined {
  const slash = key.indexOf('/');
  const [namespace, name] = [key.slice(0, slash), key.slice(slash + 1)];
  const entry = lists.sorted('WorkloadEntry').get(objectKey('WorkloadEntry', namespace, name));
  if (entry !== undefined) {
    const { metadata, spec } = entry;
    const workload = entryWorkload(namespace, name, spec, metadata.labels, allotments, true);
    return { ...workload, ...ownProxyConfig(metadata.annotations) };
  }
  const pod = lists.sorted('Pod').get(objectKey('Pod', namespace, name));
  return pod === undefined ? undefined : podWorkload(pod, nodes.get(pod.spec.nodeName ?? ''), allotments.get(key));
}

export function workloadKey(workload: { readonly namespace: string; readonly name: string }): string {
  return `${workload.namespace}/${workload.name}`;
}

/** A WorkloadEntry, standing by itself or written out in a ServiceEntry. */
export function entryWorkload(
  namespace: string,
  name: string,
  spec: WorkloadEntrySpec,
  objectLabels: Readonly<Record<string, string>>,
  allotments: Allotments,
  named: boolean,
): Workload {
  return {
    namespace,
    name,
    workloadName: name,
    address: spec.address ?? '',
    ports: new Map(Object.entries(spec.ports ?? {})),
    labels: { ...spec.labels, ...objectLabels },
    serviceAccount: spec.serviceAccount || 'default',
    ...(spec.network !== undefined && { network: spec.network }),
    locality: spec.locality ?? '',
    weight: spec.weight ?? 1,
    sidecar: named ? allotments.get(`${namespace}/${name}`) : undefined,
    named,
  };
}
