import { isIP } from 'node:net';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { LbEndpoint } from '../../proto/gen/envoy/config/endpoint/v3/LbEndpoint.js';
import type { Subset } from '../api/kinds/destination-rule.js';
import { selectorMatches } from '../api/labels.js';
import { captures, capturesPort, ownPorts } from '../model/allotment.js';
import {
  applicationPort,
  canonicalName,
  canonicalRevision,
  type Endpoint,
  type ServicePort,
  type Workload,
} from '../model/service.js';
import { ingressAt } from '../model/sidecars.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { VisiblePort } from './context.js';
import { isOpened } from './ingress.js';
import { type LocalityGroup, localityMessage, weightOf } from './locality.js';
import { ipAddress, pipe, struct, UNIX, uint32 } from './messages.js';
import { RemoteEndpoints } from './remote-endpoints.js';
import { saysMeshTls, TLS_MODE_KEY } from './upstream-tls.js';

/** Name of the one cluster that this mesh has in Istio's labels. */
export const CLUSTER_ID = 'Kubernetes';

/**
 * Endpoints of a service port or of a subset of it, by locality, in the order in which the first of each comes. Those on other
 * networks than the client's are reached through gateways of theirs, as far as any are known.
 */
export function localityGroups(
  snapshot: MeshSnapshot,
  { service, port }: VisiblePort,
  subset: Subset | undefined,
  network?: string,
): readonly LocalityGroup[] {
  const byLocality = new Map<string, LocalityGroup['endpoints'][number][]>();
  const add = (locality: string, endpoint: LocalityGroup['endpoints'][number]): void => {
    const list = byLocality.get(locality);
    if (list === undefined) byLocality.set(locality, [endpoint]);
    else list.push(endpoint);
  };
  const remote = new RemoteEndpoints();
  for (const endpoint of service.endpoints) {
    const { labels, locality } = endpoint.workload;
    if (endpoint.health === 'unhealthy') continue;
    if (!selectorMatches(subset?.labels ?? {}, labels)) continue;
    const entrances =
      network === undefined ? undefined : snapshot.networks.between(network, snapshot.networks.of(endpoint.workload));
    if (entrances !== undefined) {
      // A gateway tells by the server name of mesh TLS where a connection goes.
      if (offersMeshTls(snapshot, endpoint, port)) remote.add(locality, endpoint, entrances);
      continue;
    }
    const message = lbEndpointOf(snapshot, endpoint, port, service.resolution === 'static');
    if (message === undefined) continue;
    add(locality, { message, labels });
  }
  for (const { locality, ...endpoint } of remote.endpoints()) add(locality, endpoint);
  return [...byLocality].map(([locality, endpoints]) => ({
    locality,
    endpoints,
    priority: 0,
    weight: weightOf(endpoints),
  }));
}

export function loadAssignment(name: string, groups: readonly LocalityGroup[]): ClusterLoadAssignment {
  return { cluster_name: name, endpoints: groups.map(localityMessage) };
}

/** Whether an endpoint's sidecar takes mesh TLS on a service port. */
export function offersMeshTls(snapshot: MeshSnapshot, endpoint: Endpoint, port: ServicePort): boolean {
  const { workload } = endpoint;
  const application = applicationPort(port, endpoint);
  if (application === undefined) return false;
  // One whose sidecar somebody else takes care of says so by Istio's label.
  if (saysMeshTls(workload)) return true;
  const meshed =
    capturesPort(workload.sidecar, application) ||
    ownPorts(workload.sidecar)?.inbound.has(application) === true ||
    opensPort(snapshot, workload, application);
  const wanted = snapshot.inPlaintext?.(workload) !== true;
  return wanted && meshed && snapshot.peerAuthentications.mode(workload, application) !== 'disable';
}

/** Whether a sidecar that captures nothing listens on a port because its Sidecar says so. */
function opensPort({ sidecars }: MeshSnapshot, workload: Workload, application: number): boolean {
  if (workload.sidecar?.kind !== 'capture' || captures(workload.sidecar)) return false;
  const listener = ingressAt(sidecars.find(workload), application);
  return listener !== undefined && isOpened(listener, workload);
}

/** Undefined for an endpoint that cannot be reached: without such a port, or by a name where only addresses are taken. */
function lbEndpointOf(
  snapshot: MeshSnapshot,
  endpoint: Endpoint,
  port: ServicePort,
  onlyIp: boolean,
): LbEndpoint | undefined {
  const { workload } = endpoint;
  if (workload.address.startsWith(UNIX)) {
    return { endpoint: { address: pipe(workload.address) }, load_balancing_weight: uint32(endpoint.weight || 1) };
  }
  const application = applicationPort(port, endpoint);
  if (application === undefined || workload.address === '') return undefined;
  const ports = ownPorts(workload.sidecar);
  const entrance = ports?.inbound.get(application);
  if (entrance !== undefined && ports?.heldBack?.has(entrance) === true) return undefined;
  const address =
    ports === undefined || entrance === undefined
      ? ipAddress(workload.address, application)
      : ipAddress(ports.address, entrance);
  if (onlyIp && isIP(address.socket_address?.address ?? '') === 0) return undefined;
  const mtls = offersMeshTls(snapshot, endpoint, port);
  return {
    endpoint: { address },
    metadata: {
      filter_metadata: {
        ...(mtls && { [TLS_MODE_KEY]: struct({ tlsMode: 'istio' }) }),
        istio: struct({ workload: workloadLabel(workload) }),
      },
    },
    ...(endpoint.health === 'draining' && { health_status: 'DRAINING' as const }),
    load_balancing_weight: uint32(endpoint.weight || 1),
  };
}

/** Destination of the standard metrics, as Istio writes it into an endpoint: `name;namespace;canonical;revision;cluster`. */
function workloadLabel(workload: Workload): string {
  const { workloadName, namespace } = workload;
  return [workloadName, namespace, canonicalName(workload), canonicalRevision(workload), CLUSTER_ID].join(';');
}
