import { goldenOf } from '../../common/observe/golden.js';
import type { GraphNode, ServiceNode, WorkloadNode } from '../../common/observe/graph.js';
import { OUTSIDE_ID, serviceId, workloadId } from '../../common/observe/ids.js';
import type { EdgeEnd, EdgeStats } from '../../common/runtime/edge-report.js';
import { ownPorts } from '../model/allotment.js';
import { canonicalName, canonicalRevision, type Service, type Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ProxyFacts } from './facts.js';
import type { Hop } from './hops.js';

export interface NodeSubject {
  readonly snapshot: MeshSnapshot | undefined;
  readonly proxies: readonly ProxyFacts[];
  readonly hops: readonly Hop[];
  readonly windowMs: number;
  /** Also what is only known of the present. */
  readonly present: boolean;
}

/** Every node: what is configured or connected, and what somebody talked to. */
export function graphNodes(subject: NodeSubject): GraphNode[] {
  const { snapshot, hops, windowMs } = subject;
  const arrived = { at: byEnd(hops, 'destination'), of: byEnd(hops, 'service') };
  const workloads = workloadNodes(subject, (id) => goldenOf(arrived.at.get(id) ?? [], windowMs));
  const behind = new Map<string, string[]>();
  for (const { id, services } of workloads)
    for (const service of services) behind.set(service, [...(behind.get(service) ?? []), id]);
  const services = serviceNodes(snapshot, hops, behind, (id) => goldenOf(arrived.of.get(id) ?? [], windowMs));
  const outside: GraphNode[] = hops.some(({ source }) => source === OUTSIDE_ID)
    ? [{ kind: 'outside', id: OUTSIDE_ID }]
    : [];
  return [...workloads, ...services, ...outside];
}

function byEnd(hops: readonly Hop[], end: 'destination' | 'service'): Map<string, EdgeStats[]> {
  const found = new Map<string, EdgeStats[]>();
  for (const hop of hops) {
    // A hop that reached no workload is the service's all the same.
    const id = hop[end] === '' ? hop.destination : hop[end];
    const list = found.get(id);
    if (list === undefined) found.set(id, [...hop.stats]);
    else list.push(...hop.stats);
  }
  return found;
}

function workloadNodes(
  { snapshot, proxies, hops, present }: NodeSubject,
  inbound: (id: string) => WorkloadNode['inbound'],
): WorkloadNode[] {
  const instances = new Map<string, { key: string; workload: Workload }[]>();
  for (const [key, workload] of snapshot?.workloads ?? []) {
    const id = workloadId(workload.namespace, workload.workloadName);
    instances.set(id, [...(instances.get(id) ?? []), { key, workload }]);
  }
  const connected = new Map<string, ProxyFacts[]>();
  for (const proxy of proxies) connected.set(proxy.node, [...(connected.get(proxy.node) ?? []), proxy]);
  const ends = endsOf(hops);
  const ids = new Set([...instances.keys(), ...connected.keys(), ...ends.keys()]);
  return [...ids].sort().map((id): WorkloadNode => {
    const [, namespace = '', name = ''] = id.split('/');
    const own = instances.get(id) ?? [];
    const first = own[0]?.workload;
    const here = connected.get(id) ?? [];
    const end = ends.get(id);
    return {
      kind: 'workload',
      id,
      name,
      namespace,
      app: first === undefined ? (end?.app ?? name) : canonicalName(first),
      version: first === undefined ? (end?.version ?? '') : canonicalRevision(first),
      services: [...new Set(own.flatMap(({ key }) => servicesOf(snapshot, key)))].sort(),
      meshed: here.length > 0 || own.some(({ workload }) => workload.sidecar !== undefined),
      gateway:
        here.some(({ status }) => status.id.startsWith('router~')) ||
        own.some(({ workload }) => ownPorts(workload.sidecar)?.gateway === true),
      instances: own.length,
      connected: here.length,
      observed: here.filter(({ observed }) => observed !== undefined).length,
      proxyVersions: [...new Set(here.flatMap(({ status }) => status.version ?? []))].sort(),
      sync: syncOf(here),
      inbound: inbound(id),
      ...(present && connectionsOf(here)),
    };
  });
}

/** Of those of its proxies that tell. */
function connectionsOf(proxies: readonly ProxyFacts[]): Pick<WorkloadNode, 'connections'> {
  const told = proxies.flatMap(({ observed }) => observed?.inboundConnections ?? []);
  return told.length === 0 ? {} : { connections: told.reduce((sum, count) => sum + count, 0) };
}

function servicesOf(snapshot: MeshSnapshot | undefined, key: string): string[] {
  return (snapshot?.servicesOf.get(key) ?? []).map(({ service }) => serviceId(service.host));
}

/** What traffic says of workloads, some of which are gone from the configuration. */
function endsOf(hops: readonly Hop[]): Map<string, EdgeEnd> {
  const ends = new Map<string, EdgeEnd>();
  for (const { stats } of hops) {
    for (const { source, destination } of stats) {
      for (const end of [source, destination])
        if (end.workload !== 'unknown') ends.set(workloadId(end.namespace, end.workload), end);
    }
  }
  return ends;
}

function syncOf(proxies: readonly ProxyFacts[]): WorkloadNode['sync'] {
  const all = proxies.flatMap(({ status }) => Object.values(status.types).map((type) => type.status));
  if (all.length === 0) return 'none';
  if (all.includes('NACKED')) return 'nacked';
  return all.includes('STALE') ? 'stale' : 'synced';
}

function serviceNodes(
  snapshot: MeshSnapshot | undefined,
  hops: readonly Hop[],
  behind: ReadonlyMap<string, readonly string[]>,
  inbound: (id: string) => ServiceNode['inbound'],
): ServiceNode[] {
  const declared = new Map<string, Service>();
  for (const service of snapshot?.services ?? []) {
    const id = serviceId(service.host);
    if (!declared.has(id)) declared.set(id, service);
  }
  const called = hops.flatMap(({ service, destination }) =>
    [service, destination].filter((id) => id.startsWith('service/')),
  );
  return [...new Set([...declared.keys(), ...called])].sort().map((id): ServiceNode => {
    const service = declared.get(id);
    const host = id.slice('service/'.length);
    return {
      kind: 'service',
      id,
      host,
      name: service?.name ?? host,
      namespace: service?.namespace ?? '',
      external: service?.external ?? true,
      workloads: behind.get(id) ?? [],
      inbound: inbound(id),
    };
  });
}
