import { workloadId } from '../../common/observe/ids.js';
import type { ObservedProxy } from '../../common/observe/workload.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ProxyStatus } from '../xds/status.js';

/** One connected proxy: what ADS knows of it, and what it tells itself. */
export interface ProxyFacts {
  /** `namespace/pod`. */
  readonly key: string;
  /** Id of its node in the graph. */
  readonly node: string;
  readonly status: ProxyStatus;
  /** Undefined for one that tells nothing. */
  readonly observed: ObservedProxy | undefined;
}

/** What is known of the proxies that are connected, here or at other replicas. */
export function proxyFacts(
  statuses: readonly ProxyStatus[],
  observed: (key: string) => ObservedProxy | undefined,
  snapshot: MeshSnapshot | undefined,
): ProxyFacts[] {
  return statuses.map((status) => {
    const key = `${status.namespace}/${status.workload}`;
    const name = snapshot?.workloads.get(key)?.workloadName ?? status.workload;
    return { key, node: workloadId(status.namespace, name), status, observed: observed(key) };
  });
}
