import type { PodSpec } from '../api/kinds/core.js';
import type { WorkloadEntrySpec } from '../api/kinds/workload-entry.js';
import type { ConfigObject } from '../api/object.js';
import type { Allotments } from './allotment.js';
import type { Workload } from './service.js';

/** Workloads by `namespace/name`, from WorkloadEntries and Pods. */
export function buildWorkloads(
  entries: readonly ConfigObject<WorkloadEntrySpec>[],
  pods: readonly ConfigObject<PodSpec>[],
  allotments: Allotments,
): Map<string, Workload> {
  const workloads = new Map<string, Workload>();
  for (const { metadata, spec } of pods) {
    if (spec.podIP === undefined || spec.ready === false) continue;
    const key = workloadKey(metadata);
    const ports = (spec.containers ?? []).flatMap((container) => container.ports ?? []);
    workloads.set(key, {
      namespace: metadata.namespace,
      name: metadata.name,
      address: spec.podIP,
      ports: new Map(ports.map((port) => [port.name ?? `port-${port.containerPort}`, port.containerPort])),
      labels: metadata.labels,
      serviceAccount: spec.serviceAccountName || 'default',
      locality: '',
      weight: 1,
      sidecar: allotments.get(key),
      named: true,
    });
  }
  for (const { metadata, spec } of entries) {
    const key = workloadKey(metadata);
    workloads.set(key, entryWorkload(metadata.namespace, metadata.name, spec, metadata.labels, allotments, true));
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
    address: spec.address ?? '',
    ports: new Map(Object.entries(spec.ports ?? {})),
    labels: { ...spec.labels, ...objectLabels },
    serviceAccount: spec.serviceAccount || 'default',
    locality: spec.locality ?? '',
    weight: spec.weight ?? 1,
    sidecar: named ? allotments.get(`${namespace}/${name}`) : undefined,
    named,
  };
}
