import { LOCAL_CLUSTER } from '../../common/xds/names.js';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import { canonicalName, type Workload } from '../model/service.js';
import { workloadKey } from '../model/workloads.js';
import type { ProxyContext } from './context.js';
import { loadAssignment, localityGroups } from './endpoints.js';

const REVISIONS = ['pod-template-hash', 'rollouts-pod-template-hash'];

/**
 * Where the others of a proxy's kind are: the endpoints of the first service that it serves, as far as they are of its region,
 * its workload and its revision. Undefined for a proxy that does not ask.
 */
export function localAssignment({ snapshot, node, workload }: ProxyContext): ClusterLoadAssignment | undefined {
  if (node.metadata?.['ENABLE_SELF_DISCOVERY'] !== 'true') return undefined;
  const [served] = workload === undefined ? [] : (snapshot.servicesOf.get(workloadKey(workload)) ?? []);
  const port = served?.service.ports[0];
  if (workload === undefined || served === undefined || port === undefined) return loadAssignment(LOCAL_CLUSTER, []);
  const endpoints = served.service.endpoints.filter((endpoint) => ofOneKind(endpoint.workload, workload));
  return loadAssignment(
    LOCAL_CLUSTER,
    localityGroups(snapshot, { service: { ...served.service, endpoints }, port }, undefined),
  );
}

function ofOneKind(one: Workload, other: Workload): boolean {
  return (
    kindOf(one) === kindOf(other) &&
    regionOf(one) === regionOf(other) &&
    REVISIONS.every((label) => one.labels[label] === other.labels[label])
  );
}

/** What an object of its own describes has nothing but labels in common with others. */
function kindOf(workload: Workload): string {
  return workload.pod === undefined ? canonicalName(workload) : workload.workloadName;
}

function regionOf({ locality }: Workload): string {
  return locality.split('/')[0] ?? '';
}
