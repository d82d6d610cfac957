import { meshConfigOf, meshNetworksOf, objectsOfKind, ROOT_NAMESPACE } from '../api/kinds/index.js';
import type { ConfigSet } from '../sources/source.js';
import type { Allotments } from './allotment.js';
import { AuthorizationPolicies } from './authorization.js';
import { keepUnchanged, shapeOf } from './continuity.js';
import { buildCredentials } from './credentials.js';
import { DestinationRules } from './destination-rules.js';
import { EnvoyFilters } from './envoy-filters.js';
import { Gateways } from './gateways.js';
import { NO_JWKS } from './jwks.js';
import { meshSettings } from './mesh-settings.js';
import { Networks } from './networks.js';
import { compare } from './order.js';
import { PeerAuthentications } from './peer-authentication.js';
import { RequestAuthentications } from './request-authentication.js';
import type { Service } from './service.js';
import { buildServices } from './services.js';
import { Sidecars } from './sidecars.js';
import type { MeshSnapshot, ServedService } from './snapshot.js';
import { Telemetries } from './telemetry.js';
import { trafficSplits } from './traffic-split.js';
import { VirtualServices } from './virtual-services.js';
import { buildWorkloads, workloadKey } from './workloads.js';

/**
 * The mesh as a set of objects describes it. Never throws for what users write. What is as it was in the snapshot before is
 * taken from there, so that a change of endpoints costs little.
 */
export function buildSnapshot(set: ConfigSet, allotments: Allotments, previous?: MeshSnapshot): MeshSnapshot {
  const of = <K extends Parameters<typeof objectsOfKind>[1]>(kind: K) => objectsOfKind(set.objects, kind);
  const { rootNamespace = ROOT_NAMESPACE } = set;
  const settings = meshSettings(meshConfigOf(set.objects, rootNamespace), rootNamespace);
  const workloads = buildWorkloads({ entries: of('WorkloadEntry'), pods: of('Pod'), nodes: of('Node') }, allotments);
  const shape = shapeOf(set, previous?.shape);
  const kept = shape === previous?.shape ? previous : undefined;
  const built = buildServices(
    {
      core: of('Service'),
      slices: of('EndpointSlice'),
      entries: of('ServiceEntry'),
      namespaces: of('Namespace'),
      nodes: of('Node'),
    },
    workloads,
    settings,
    shape.apartFromRoutes,
  );
  const related = shape.apartFromRoutes === previous?.shape.apartFromRoutes ? previous : undefined;
  const services = related === undefined ? built : keepUnchanged(built, related.services);
  const running = {
    services,
    workloads: new Map([...workloads].sort(([a], [b]) => compare(a, b))),
    servicesOf: servicesByWorkload(services),
  };
  if (kept !== undefined) return { ...kept, ...running };
  const virtualServices = new VirtualServices(of('VirtualService'), settings);
  return {
    shape,
    settings,
    ...running,
    virtualServices,
    gateways: new Gateways(of('Gateway')),
    networks: new Networks({
      mesh: meshNetworksOf(set.objects, rootNamespace),
      services: of('Service'),
      namespaces: of('Namespace'),
      rootNamespace,
      resolved: set.gatewayAddresses,
    }),
    destinationRules: new DestinationRules(of('DestinationRule'), settings),
    trafficSplits: trafficSplits(of('TrafficSplit'), virtualServices),
    sidecars: new Sidecars(of('Sidecar'), settings.rootNamespace),
    peerAuthentications: new PeerAuthentications(
      of('PeerAuthentication'),
      set.unreadablePolicies,
      settings.rootNamespace,
    ),
    authorizationPolicies: new AuthorizationPolicies(
      of('AuthorizationPolicy'),
      set.unreadablePolicies,
      settings.rootNamespace,
    ),
    requestAuthentications: new RequestAuthentications(of('RequestAuthentication'), settings.rootNamespace),
    jwks: set.jwks ?? NO_JWKS,
    envoyFilters: new EnvoyFilters(of('EnvoyFilter'), settings.rootNamespace),
    telemetries: new Telemetries(of('Telemetry'), settings),
    credentials: buildCredentials(of('Secret')),
  };
}

function servicesByWorkload(services: readonly Service[]): Map<string, ServedService[]> {
  const found = new Map<string, ServedService[]>();
  for (const service of services) {
    for (const endpoint of service.endpoints) {
      if (!endpoint.workload.named) continue;
      const key = workloadKey(endpoint.workload);
      const list = found.get(key);
      if (list === undefined) found.set(key, [{ service, endpoint }]);
      else if (list.at(-1)?.service !== service) list.push({ service, endpoint });
    }
  }
  return found;
}
