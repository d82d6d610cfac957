import type { NodeSpec, ServiceSpec, SliceEndpoint } from '../api/kinds/core.js';
import type { ConfigObject } from '../api/object.js';
import { nodeLocality } from './pods.js';
import type { Endpoint, Workload } from './service.js';
import type { Slice, SliceIndex } from './slice-index.js';
import type { WorkloadIndex } from './workload-index.js';
import { entryWorkload } from './workloads.js';

/** Services whose clients stay with an endpoint that is about to end. */
const PERSISTENT_LABELS = ['istio.io/persistent-session', 'istio.io/persistent-session-header'];

/** An endpoint of a slice while those of one service are gathered. */
interface Found {
  readonly workload: Workload;
  readonly ports: Map<string, number>;
  readonly hostname: string | undefined;
  readonly state: 'ready' | 'serving';
}

/** Endpoints of Services as EndpointSlices have them, whoever wrote these. */
export class SliceEndpoints {
  readonly #index: SliceIndex;
  readonly #nodes: ReadonlyMap<string, ConfigObject<NodeSpec>>;
  readonly #workloads: ReadonlyMap<string, Workload>;
  readonly #pods: WorkloadIndex;

  constructor(
    index: SliceIndex,
    nodes: ReadonlyMap<string, ConfigObject<NodeSpec>>,
    workloads: ReadonlyMap<string, Workload>,
    pods: WorkloadIndex,
  ) {
    this.#index = index;
    this.#nodes = nodes;
    this.#workloads = workloads;
    this.#pods = pods;
  }

  /**
   * Undefined when nobody has written slices for the service. Of a pod with addresses of both families the one counts that
   * the service prefers; a terminating endpoint that still serves counts when none is ready.
   */
  of(service: ConfigObject<ServiceSpec>, preferIPv6: boolean): Endpoint[] | undefined {
    const { namespace, name } = service.metadata;
    const slices = this.#index.of(`${namespace}/${name}`);
    if (slices === undefined) return undefined;
    const order = [...slices].sort((a, b) => rank(a, preferIPv6) - rank(b, preferIPv6));
    const found = new Map<string, Found>();
    const preferred = order.some((slice) => rank(slice, preferIPv6) === 0);
    for (const slice of order) this.#gather(slice, found, preferred && rank(slice, preferIPv6) > 0);
    const all = [...found.values()];
    const ready = all.filter(({ state }) => state === 'ready');
    const persistent = PERSISTENT_LABELS.some((label) => service.metadata.labels[label] !== undefined);
    const ending = all.filter(({ state }) => state === 'serving');
    if (ready.length === 0) return ending.map((item) => endpointOf(item, 'healthy'));
    return [
      ...ready.map((item) => endpointOf(item, 'healthy')),
      ...(persistent ? ending.map((item) => endpointOf(item, 'draining')) : []),
    ];
  }

  #gather({ metadata, spec }: Slice, found: Map<string, Found>, onlyPods: boolean): void {
    const ports = new Map<string, number>();
    for (const { name = '', port, protocol = 'TCP' } of spec.ports ?? []) {
      if (port !== undefined && protocol === 'TCP') ports.set(name, port);
    }
    for (const endpoint of spec.endpoints ?? []) {
      const state = stateOf(endpoint);
      const workload = state === undefined ? undefined : this.#workloadOf(endpoint, metadata.namespace);
      if (state === undefined || workload === undefined || (onlyPods && workload.pod === undefined)) continue;
      // One pod in several slices: more ports, or its other family.
      const key = `${workload.namespace}/${workload.name}`;
      const before = found.get(key);
      if (before === undefined) found.set(key, { workload, ports: new Map(ports), hostname: endpoint.hostname, state });
      else for (const [name, port] of ports) if (!before.ports.has(name)) before.ports.set(name, port);
    }
  }

  /**
   * Undefined for a pod of which nothing is known: without knowing whether it has a sidecar nobody can say how to call it, and
   * it will come.
   */
  #workloadOf(endpoint: SliceEndpoint, namespace: string): Workload | undefined {
    const { targetRef, addresses, nodeName } = endpoint;
    const [address = ''] = addresses;
    if (targetRef?.kind === 'Pod') {
      const pod = this.#workloads.get(`${targetRef.namespace ?? namespace}/${targetRef.name ?? ''}`);
      if (pod?.pod === undefined || !pod.pod.addresses.includes(address)) return undefined;
      return pod.address === address ? pod : { ...pod, address };
    }
    // Slices that somebody wrote by hand may lead to pods all the same.
    const captured = this.#pods.at(address);
    if (captured !== undefined) return { ...captured, address };
    const locality = nodeLocality(this.#nodes.get(nodeName ?? ''));
    return entryWorkload(namespace, address, { address, locality }, {}, new Map(), false);
  }
}

function rank({ spec }: Slice, preferIPv6: boolean): number {
  return (spec.addressType === 'IPv6') === preferIPv6 ? 0 : 1;
}

/** Undefined when it takes nothing. */
function stateOf({ conditions = {}, addresses }: SliceEndpoint): Found['state'] | undefined {
  if (addresses.length === 0) return undefined;
  if (conditions.ready !== false) return 'ready';
  return conditions.serving === true && conditions.terminating === true ? 'serving' : undefined;
}

function endpointOf({ workload, ports, hostname }: Found, health: Endpoint['health']): Endpoint {
  return { workload, weight: workload.weight, health, ports, ...(hostname === undefined ? {} : { hostname }) };
}
