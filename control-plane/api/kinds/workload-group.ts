import type { Labels } from './shared.js';
import type { WorkloadEntrySpec } from './workload-entry.js';

/** networking.istio.io WorkloadGroup: what the WorkloadEntries of proxies that join by it are made of. */
export interface WorkloadGroupSpec {
  readonly metadata?: { readonly labels?: Labels; readonly annotations?: Labels };
  readonly template: WorkloadEntrySpec;
  readonly probe?: unknown;
}
