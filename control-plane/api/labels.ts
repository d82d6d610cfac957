import type { WorkloadEntrySpec } from './kinds/workload-entry.js';
import type { ConfigObject } from './object.js';

type Labels = Readonly<Record<string, string>>;

/** Whether every label of the selector is there with its value. An empty selector selects all, an unset one too. */
export function selectorMatches(selector: Labels | undefined, labels: Labels): boolean {
  if (selector === undefined) return true;
  for (const [name, value] of Object.entries(selector)) {
    if (!Object.hasOwn(labels, name) || labels[name] !== value) return false;
  }
  return true;
}

/** Labels of a WorkloadEntry: those of the spec, and over them those of the object (as Istio merges them). */
export function workloadLabels(entry: ConfigObject<WorkloadEntrySpec>): Labels {
  return { ...entry.spec.labels, ...entry.metadata.labels };
}
