import type { WorkloadEntrySpec } from '../kinds/workload-entry.js';
import type { WorkloadGroupSpec } from '../kinds/workload-group.js';
import { object, required, unsupported } from '../schema/object.js';
import { anything, map, type Schema } from '../schema/schema.js';
import { text } from './shared.js';
import { workloadEntryFields } from './workload-entry.js';

const metadata = object<NonNullable<WorkloadGroupSpec['metadata']>>({
  labels: map(text, { max: 256 }),
  annotations: map(text, { max: 256 }),
});

/** WorkloadGroup (networking.istio.io). Its template has no address: that is the proxy's. */
export const workloadGroup: Schema<WorkloadGroupSpec> = object<WorkloadGroupSpec>({
  metadata,
  template: required(object<WorkloadEntrySpec>(workloadEntryFields)),
  probe: unsupported(anything, 'a workload counts as healthy as long as its proxy is connected'),
});
