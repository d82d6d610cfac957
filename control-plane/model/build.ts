import type { NodeSpec } from '../api/kinds/core.js';
import { type Kind, meshConfigOf, meshNetworksOf, ROOT_NAMESPACE } from '../api/kinds/index.js';
import type { ConfigObject } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import type { Allotments } from './allotment.js';
import { AuthorizationPolicies } from './authorization.js';
import { keepUnchanged, type Shape, shapeOf } from './continuity.js';
import { buildCredentials } from './credentials.js';
import { DestinationRules } from './destination-rules.js';
import { EnvoyFilters } from './envoy-filters.js';
import { Gateways } from './gateways.js';
import { NO_JWKS } from './jwks.js';
import { KindLists } from './kind-lists.js';
import { type MeshSettings, meshSettings } from './mesh-settings.js';
import { Networks } from './networks.js';
import { PeerAuthentications } from './peer-authentication.js';
import { RequestAuthentications } from './request-authentication.js';
import { type Served, servedAfter, servedBy } from './served.js';
import { type EndpointChanges, type ServiceChange, ServiceFrame } from './service-changes.js';
import { buildServices } from './services.js';
import { Sidecars } from './sidecars.js';
import { SliceEndpoints } from './slice-endpoints.js';
import { SliceIndex } from './slice-index.js';
import type { MeshSnapshot } from './snapshot.js';
import { Telemetries } from './telemetry.js';
import { distributions } from './traffic-distribution.js';
import { trafficSplits } from './traffic-split.js';
import { VirtualServices } from './virtual-services.js';
import { WorkloadIndex } from './workload-index.js';
import { buildWorkloads, type Workloads } from './workloads.js';

/**
 * The mesh as a set of objects describes it. Never throws for what users write. What is as it was in the snapshot before is
 * taken from there, so that a change of endpoints costs the same in a large mesh as in a small one.
 */
export function buildSnapshot(set: ConfigSet, allotments: Allotments, previous?: MeshSnapshot): MeshSnapshot {
  const before = previous === undefined ? undefined : basisOf.get(previous);
  const last = previous === undefined || before === undefined ? undefined : { ...before, snapshot: previous };
  const lists = new KindLists(set.objects, last?.lists);
  const shape = shapeOf(set, lists, last && { shape: last.snapshot.shape, lists: last.lists });
  const { rootNamespace = ROOT_NAMESPACE } = set;
  const kept = last !== undefined && shape === last.snapshot.shape ? last.snapshot : undefined;
  const settings = kept?.settings ?? meshSettings(meshConfigOf(set.objects, rootNamespace), rootNamespace);
  const { running, basis } = runningParts({ lists, allotments, settings, shape }, last);
  const snapshot =
    kept === undefined ? { shape, settings, ...running, ...otherParts(set, lists, settings) } : { ...kept, ...running };
  basisOf.set(snapshot, basis);
  return snapshot;
}

/** A snapshot that is another in all that the next one may be made from. */
export function madeLike(snapshot: MeshSnapshot, other: MeshSnapshot): MeshSnapshot {
  const basis = basisOf.get(other);
  if (basis !== undefined) basisOf.set(snapshot, basis);
  return snapshot;
}

/** What a snapshot was made from, for the next. */
interface Basis {
  readonly lists: KindLists;
  readonly allotments: Allotments;
  readonly nodes: ReadonlyMap<string, ConfigObject<NodeSpec>>;
  readonly workloads: Workloads;
  readonly index: WorkloadIndex;
  readonly slices: SliceIndex;
  readonly frame: ServiceFrame;
  readonly servicesOf: Served;
}

type Last = Basis & { readonly snapshot: MeshSnapshot };

const basisOf = new WeakMap<MeshSnapshot, Basis>();

interface Given {
  readonly lists: KindLists;
  readonly allotments: Allotments;
  readonly settings: MeshSettings;
  readonly shape: Shape;
}

type Running = Pick<MeshSnapshot, 'services' | 'workloads' | 'servicesOf'>;

/** What comes and goes with pods. */
function runningParts({ lists, allotments, settings, shape }: Given, last: Last | undefined) {
  const sameNodes = last !== undefined && lists.same(last.lists, 'Node');
  const nodes = sameNodes ? last.nodes : new Map(lists.of('Node').map((node) => [node.metadata.name, node]));
  const workloads = buildWorkloads({ lists, nodes, allotments }, last);
  const changes: EndpointChanges = {
    workloads: last === undefined ? [] : workloads.since(last.workloads),
    slices: last === undefined ? [] : lists.since(last.lists, 'EndpointSlice'),
  };
  const index = last?.index.with(changes.workloads) ?? WorkloadIndex.of(workloads);
  const slices = last?.slices.with(changes.slices) ?? SliceIndex.of(lists.sorted('EndpointSlice').list);
  const around = {
    slices: new SliceEndpoints(slices, nodes, workloads, index),
    workloads: index,
    settings,
    distribution: distributions(lists.of('Namespace')),
  };
  const related = last?.snapshot.shape.apartFromRoutes === shape.apartFromRoutes ? last : undefined;
  const changed =
    related === undefined || !sameNodes
      ? undefined
      : related.frame.changed(related.snapshot.services, changes, slices, around);
  const basis = { lists, allotments, nodes, workloads, index, slices };
  if (related !== undefined && changed !== undefined) {
    const running = servedElsewhere(related, changed);
    return { running: { ...running, workloads }, basis: { ...basis, ...running, frame: related.frame } };
  }
  const objects = { core: lists.of('Service'), entries: lists.of('ServiceEntry') };
  const built = buildServices(objects, around);
  const services = related === undefined ? built : keepUnchanged(built, related.snapshot.services);
  const servicesOf = servedBy(services);
  const running: Running = { services, workloads, servicesOf };
  return { running, basis: { ...basis, servicesOf, frame: new ServiceFrame(objects) } };
}

function servedElsewhere(
  { snapshot, servicesOf }: Last,
  changed: readonly ServiceChange[],
): Pick<Basis, 'servicesOf'> & Pick<MeshSnapshot, 'services'> {
  if (changed.length === 0) return { services: snapshot.services, servicesOf };
  const services = snapshot.services.slice();
  for (const { at, after } of changed) services[at] = after;
  return { services, servicesOf: servedAfter(servicesOf, changed) };
}

/** What stays while pods come and go. */
function otherParts(
  set: ConfigSet,
  lists: KindLists,
  settings: MeshSettings,
): Omit<MeshSnapshot, 'shape' | 'settings' | keyof Running> {
  const of = <K extends Kind>(kind: K) => lists.of(kind);
  const { rootNamespace = ROOT_NAMESPACE } = set;
  const virtualServices = new VirtualServices(of('VirtualService'), settings);
  return {
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
