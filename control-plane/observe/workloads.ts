import { workloadId } from '../../common/observe/ids.js';
import type { ProxyState, WorkloadState } from '../../common/observe/workload.js';
import { canonicalName, canonicalRevision, type Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ProxyFacts } from './facts.js';

/** Every instance, with what is known of its proxy; also of proxies that the configuration does not know. */
export function workloadStates(snapshot: MeshSnapshot | undefined, proxies: readonly ProxyFacts[]): WorkloadState[] {
  const byKey = new Map(proxies.map((facts) => [facts.key, facts]));
  const known = [...(snapshot?.workloads ?? [])].map(([key, workload]) =>
    stateOf(snapshot, key, workload, byKey.get(key)),
  );
  const strangers = proxies.filter(({ key }) => snapshot?.workloads.has(key) !== true).map(strangerOf);
  return [...known, ...strangers].sort(
    (a, b) => a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name),
  );
}

function stateOf(
  snapshot: MeshSnapshot | undefined,
  key: string,
  workload: Workload,
  facts: ProxyFacts | undefined,
): WorkloadState {
  const { name, namespace, workloadName, address, serviceAccount, locality, sidecar } = workload;
  return {
    name,
    namespace,
    node: workloadId(namespace, workloadName),
    workload: workloadName,
    app: canonicalName(workload),
    version: canonicalRevision(workload),
    address,
    serviceAccount,
    services: (snapshot?.servicesOf.get(key) ?? []).map(({ service }) => service.host),
    locality,
    meshed: sidecar !== undefined || facts !== undefined,
    mtlsMode: snapshot?.peerAuthentications.workloadMode(workload) ?? 'permissive',
    ...(facts !== undefined && { proxy: proxyState(facts) }),
  };
}

function strangerOf(facts: ProxyFacts): WorkloadState {
  const { namespace, workload: name, id } = facts.status;
  return {
    name,
    namespace,
    node: facts.node,
    workload: name,
    app: name,
    version: '',
    address: id.split('~')[1] ?? '',
    serviceAccount: '',
    services: [],
    locality: '',
    meshed: true,
    mtlsMode: 'permissive',
    proxy: proxyState(facts),
  };
}

function proxyState({ status, observed }: ProxyFacts): ProxyState {
  const { id, dataPlane, version = '', connectedAt } = status;
  const types = Object.entries(status.types);
  return {
    id,
    dataPlane,
    version,
    connectedAt,
    sync: Object.fromEntries(types.map(([type, { status: sync }]) => [type, sync])),
    nacks: types.flatMap(([type, { lastNack }]) => (lastNack === undefined ? [] : [{ type, ...lastNack }])),
    ...(observed !== undefined && { observed }),
  };
}
