import { type Kind, meshConfigOf, meshNetworksOf, ROOT_NAMESPACE } from '../api/kinds/index.js';
import type { ConfigSet } from '../sources/source.js';
import type { Allotments } from './allotment.js';
import { AuthorizationPolicies } from './authorization.js';
import { keepUnchanged, shapeOf } from './continuity.js';
import { buildCredentials } from './credentials.js';
import { DestinationRules } from './destination-rules.js';
import { EnvoyFilters } from './envoy-filters.js';
import { Gateways } from './gateways.js';
import { NO_JWKS } from './jwks.js';
import { KindLists } from './kind-lists.js';
import { meshSettings } from './mesh-settings.js';
import { Networks } from './networks.js';
import { compare } from './order.js';
import { PeerAuthentications } from './peer-authentication.js';
import { RequestAuthentications } from './request-authentication.js';
import type { Service, Workload } from './service.js';
import { buildServices } from './services.js';
import { Sidecars } from './sidecars.js';
import type { MeshSnapshot, ServedService } from './snapshot.js';
import { Telemetries } from './telemetry.js';
import { trafficSplits } from './traffic-split.js';
import { VirtualServices } from './virtual-services.js';
import { buildWorkloads, type WorkloadObjects, workloadKey } from './workloads.js';

/**
 * The mesh as a set of objects describes it. Never throws for what users write. What is as it was in the snapshot before is
 * taken from there, so that a change of endpoints costs little.
 */
export function buildSnapshot(set: ConfigSet, allotments: Allotments, previous?: MeshSnapshot): MeshSnapshot {
  const lists = new KindLists(set.objects, previous === undefined ? undefined : listsOf.get(previous));
  const of = <K extends Kind>(kind: K) => lists.of(kind);
  const { rootNamespace = ROOT_NAMESPACE } = set;
  const settings = meshSettings(meshConfigOf(set.objects, rootNamespace), rootNamespace);
  const workloads = workloadsOf(
    { entries: of('WorkloadEntry'), pods: of('Pod'), nodes: of('Node') },
    allotments,
    previous,
  );
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
    workloads,
    servicesOf: servicesByWorkload(services),
  };
  const remember = (snapshot: MeshSnapshot): MeshSnapshot => {
    listsOf.set(snapshot, lists);
    return snapshot;
  };
  if (kept !== undefined) return remember({ ...kept, ...running });
  const virtualServices = new VirtualServices(of('VirtualService'), settings);
  return remember({
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
  });
}

/** What a snapshot was made from, for the next. */
const listsOf = new WeakMap<MeshSnapshot, KindLists>();
const madeFrom = new WeakMap<ReadonlyMap<string, Workload>, WorkloadObjects & { readonly allotments: Allotments }>();

/** Workloads in a stable order; the same map as in the snapshot before while nothing that describes them has changed. */
function workloadsOf(
  objects: WorkloadObjects,
  allotments: Allotments,
  previous: MeshSnapshot | undefined,
): ReadonlyMap<string, Workload> {
  const before = previous === undefined ? undefined : madeFrom.get(previous.workloads);
  const { entries, pods, nodes } = objects;
  const same = before?.entries === entries && before.pods === pods && before.nodes === nodes;
  if (previous !== undefined && same && areAlike(before.allotments, allotments)) return previous.workloads;
  const workloads = new Map([...buildWorkloads(objects, allotments)].sort(([a], [b]) => compare(a, b)));
  madeFrom.set(workloads, { ...objects, allotments });
  return workloads;
}

function areAlike(some: Allotments, others: Allotments): boolean {
  if (some.size !== others.size) return false;
  for (const [name, sidecar] of some) if (others.get(name) !== sidecar) return false;
  return true;
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
