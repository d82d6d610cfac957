import { isIP } from 'node:net';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { LbEndpoint } from '../../proto/gen/envoy/config/endpoint/v3/LbEndpoint.js';
import type { Subset } from '../api/kinds/destination-rule.js';
import { selectorMatches } from '../api/labels.js';
import { ownPorts } from '../model/allotment.js';
import {
  applicationPort,
  canonicalName,
  canonicalRevision,
  type Endpoint,
  type ServicePort,
  type Workload,
} from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { VisiblePort } from './context.js';
import { ipAddress, struct, uint32 } from './messages.js';
import { TLS_MODE_KEY } from './upstream-tls.js';

/** Name of the one cluster that this mesh has in Istio's labels. */
export const CLUSTER_ID = 'Kubernetes';

/** Endpoints of a service port or of a subset of it, by locality. */
export function loadAssignment(
  snapshot: MeshSnapshot,
  name: string,
  { service, port }: VisiblePort,
  subset: Subset | undefined,
): ClusterLoadAssignment {
  const byLocality = new Map<string, LbEndpoint[]>();
  for (const endpoint of service.endpoints) {
    if (endpoint.health === 'unhealthy') continue;
    if (!selectorMatches(subset?.labels ?? {}, endpoint.workload.labels)) continue;
    const lbEndpoint = lbEndpointOf(snapshot, endpoint, port, service.resolution === 'static');
    if (lbEndpoint === undefined) continue;
    const list = byLocality.get(endpoint.workload.locality);
    if (list === undefined) byLocality.set(endpoint.workload.locality, [lbEndpoint]);
    else list.push(lbEndpoint);
  }
  return {
    cluster_name: name,
    endpoints: [...byLocality].map(([locality, endpoints]) => ({
      // gRPC's clients refuse endpoints without a locality, even an empty one.
      locality: locality === '' ? {} : localityOf(locality),
      lb_endpoints: endpoints,
      load_balancing_weight: uint32(
        endpoints.reduce((sum, endpoint) => sum + (endpoint.load_balancing_weight?.value ?? 1), 0),
      ),
    })),
  };
}

function localityOf(text: string): { region: string; zone: string; sub_zone: string } {
  const [region = '', zone = '', sub_zone = ''] = text.split('/');
  return { region, zone, sub_zone };
}

/** Whether an endpoint's sidecar takes mesh TLS on a service port. */
export function offersMeshTls(snapshot: MeshSnapshot, endpoint: Endpoint, port: ServicePort): boolean {
  const { workload } = endpoint;
  const application = applicationPort(port, endpoint);
  if (application === undefined) return false;
  const meshed = workload.sidecar?.kind === 'capture' || ownPorts(workload.sidecar)?.inbound.has(application) === true;
  return meshed && snapshot.peerAuthentications.mode(workload, application) !== 'disable';
}

/** Undefined for an endpoint that cannot be reached: without such a port, or by a name where only addresses are taken. */
function lbEndpointOf(
  snapshot: MeshSnapshot,
  endpoint: Endpoint,
  port: ServicePort,
  onlyIp: boolean,
): LbEndpoint | undefined {
  const { workload } = endpoint;
  if (workload.address.startsWith('unix://')) {
    const path = workload.address.slice('unix://'.length);
    return { endpoint: { address: { pipe: { path } } }, load_balancing_weight: uint32(endpoint.weight || 1) };
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
  const { name, namespace } = workload;
  return [name, namespace, canonicalName(workload), canonicalRevision(workload), CLUSTER_ID].join(';');
}
