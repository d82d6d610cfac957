import type { NodeSpec, PodSpec } from '../api/kinds/core.js';
import type { WorkloadEntrySpec } from '../api/kinds/workload-entry.js';
import type { ConfigObject } from '../api/object.js';
import type { Allotments } from './allotment.js';
import { podWorkload } from './pods.js';
import { ownProxyConfig } from './proxy-config.js';
import type { Workload } from './service.js';

/** What describes workloads. */
export interface WorkloadObjects {
  readonly entries: readonly ConfigObject<WorkloadEntrySpec>[];
  readonly pods: readonly ConfigObject<PodSpec>[];
  readonly nodes: readonly ConfigObject<NodeSpec>[];
}

/** Workloads by `namespace/name`, from WorkloadEntries and Pods; those that are not ready too, since their sidecars are there. */
export function buildWorkloads(
  { entries, pods, nodes }: WorkloadObjects,
  allotments: Allotments,
): Map<string, Workload> {
  const workloads = new Map<string, Workload>();
  const nodesByName = new Map(nodes.map((node) => [node.metadata.name, node]));
  for (const pod of pods) {
    const key = workloadKey(pod.metadata);
    const workload = podWorkload(pod, nodesByName.get(pod.spec.nodeName ?? ''), allotments.get(key));
    if (workload !== undefined) workloads.set(key, workload);
  }
  for (const { metadata, spec } of entries) {
    const key = workloadKey(metadata);
    const workload = entryWorkload(metadata.namespace, metadata.name, spec, metadata.labels, allotments, true);
    workloads.set(key, { ...workload, ...ownProxyConfig(metadata.annotations) });
  }
  return workloads;
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
