import { joinAddress } from '../../common/runtime/address.js';
import { loopbackFor } from '../../common/runtime/local-caller.js';
import { UsageError } from '../command.js';
import { getJson } from './http.js';
import { locateControlPlane } from './locate.js';

/** A workload as the control plane's debug server lists it (`/debug/workloads`). */
export interface WorkloadListing {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  /** Ports of the application. */
  readonly ports: readonly number[];
  readonly serviceAccount: string;
  readonly sidecar?: {
    /** Application port → the sidecar's. */
    readonly inbound: Readonly<Record<string, number>>;
    /** The application's HTTP proxy. */
    readonly outbound: number;
    readonly admin: number;
  };
}

/** The workload that a user means by `reviews-v1`, `reviews-v1.default` or `default/reviews-v1`. */
export async function findWorkload(stateDirectory: string, wanted: string): Promise<WorkloadListing> {
  const { debugUrl } = locateControlPlane(stateDirectory);
  const workloads = await getJson<WorkloadListing[]>(`${debugUrl}/debug/workloads`);
  const found = workloads.filter(
    ({ name, namespace }) => wanted === name || wanted === `${name}.${namespace}` || wanted === `${namespace}/${name}`,
  );
  const [first, second] = found;
  if (first === undefined) {
    throw new UsageError(
      `no workload "${wanted}"; there are: ${workloads.map((workload) => workload.name).join(', ') || 'none'}`,
    );
  }
  if (second !== undefined) {
    throw new UsageError(
      `"${wanted}" is in several namespaces; say one of: ${found.map(({ name, namespace }) => `${namespace}/${name}`).join(', ')}`,
    );
  }
  return first;
}

/** Base URL of a workload's sidecar's admin port. */
export function adminUrl(workload: WorkloadListing): string {
  if (workload.sidecar === undefined) throw new UsageError(`${workload.name} has no sidecar`);
  return `http://${joinAddress(loopbackFor(workload.address), workload.sidecar.admin)}`;
}
