import { isIPv6 } from 'node:net';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { NameTable } from '../../proto/gen/istio/networking/nds/v1/NameTable.js';
import type { PortPolicy, TrafficPolicy } from '../api/kinds/destination-rule.js';
import { layered } from '../layered.js';
import { areSame, replacedServices, type Shape } from '../model/continuity.js';
import type { ProxyNode } from '../model/proxy-node.js';
import type { Service, Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { MeshVirtualService } from '../model/virtual-services.js';
import { accessLogs } from './access-log.js';
import { familiesOf } from './capture.js';
import { capturedListeners } from './captured-listeners.js';
import { carriesHttp, detectedRoutes, detectedRoutesName, portRoutes } from './captured-routes.js';
import { outboundClusters } from './clusters.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { egressResources } from './egress-listeners.js';
import { labelsOfPolicy, localityPolicy } from './locality-policy.js';
import { NAME_TABLE, nameTable } from './name-table.js';
import { HTTP_PROXY_ROUTES, outboundRoutes } from './outbound-routes.js';
import { statsFields } from './stats-config.js';
import { withOperations } from './trace-operations.js';
import { isTraced, tracingFields } from './tracing.js';

/** What a proxy has as a client, apart from its own listener. */
export interface ClientResources {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly endpoints: ReadonlyMap<string, ClusterLoadAssignment>;
  readonly credentials: ReadonlySet<string>;
  /** For the DNS proxy of a sidecar that has one. */
  readonly names: ReadonlyMap<string, NameTable>;
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
  /** Of captured connections, without those that only one proxy has. */
  readonly listeners: ReadonlyMap<string, Listener>;
}

interface Classes {
  /** Labels of clients that something in the snapshot asks for. */
  readonly labels: readonly string[];
  /** Something asks where clients are. */
  readonly near: boolean;
  snapshot: MeshSnapshot;
  made: Map<string, Made>;
  /** Of the snapshot before, from which those are carried on that somebody still has. */
  before: ReadonlyMap<string, Made>;
}

interface Made {
  /** Of the snapshot that it was made from. */
  readonly services: readonly Service[];
  /** Those that the client acts on. */
  readonly virtualServices: readonly MeshVirtualService[];
  readonly resources: ClientResources;
}

const known = new WeakMap<Shape, Classes>();
/** By what snapshots have in common that differ in VirtualServices; a class that acts on none of those that differ is carried on. */
const latest = new WeakMap<object, Classes>();

/**
 * Clients of one namespace differ only where a DestinationRule or a match selects clients by their labels; all that do
 * not differ get the very same messages, which are then made and encoded once for all of them. From one snapshot to the next
 * of the same shape, only what belongs to services with other endpoints is made anew.
 */
export function clientResources(context: ProxyContext): ClientResources {
  const { snapshot } = context;
  const classes = classesOf(snapshot);
  const key = keyOf(context, classes);
  const made = classes.made.get(key);
  if (made !== undefined) return made.resources;
  const resources = carriedOn(context, classes, classes.before.get(key)) ?? allResources(context, classes);
  classes.made.set(key, { resources, services: snapshot.services, virtualServices: context.virtualServices.all });
  return resources;
}

interface Known {
  readonly classes: Classes;
  readonly workload: Workload | undefined;
  readonly key: string;
}

/** Of a proxy as long as it is connected: it asks anew with each change, and mostly nothing about itself has changed. */
const keys = new WeakMap<ProxyNode, Known>();

function keyOf(context: ProxyContext, classes: Classes): string {
  const { client, node, sidecar, workload } = context;
  const known = keys.get(node);
  if (known?.classes === classes && known.workload === workload) return known.key;
  const key = JSON.stringify([
    clusterKey(context, classes),
    node.dnsCapture === true,
    ...(hasListeners(context)
      ? [
          familiesOf(context).inboundSources,
          accessLogs(context, client, 'CLIENT'),
          tracingFields(context, 'CLIENT'),
          statsFields(context, 'CLIENT'),
        ]
      : []),
    isTraced(context),
    client.namespace,
    sidecar?.object ?? null,
  ]);
  keys.set(node, { classes, workload, key });
  return key;
}

/** What clients may differ in that makes clusters of one service and rule different. */
function clusterKey({ snapshot, node, client, captured, network, workload }: ProxyContext, classes: Classes): string {
  return JSON.stringify([
    node.dataPlane,
    node.role,
    captured,
    classes.near ? client.locality : '',
    snapshot.networks.several ? network : '',
    isIPv6(workload?.address ?? ''),
    ...classes.labels.map((label) => client.labels[label] ?? null),
  ]);
}

function classesOf(snapshot: MeshSnapshot): Classes {
  let classes = known.get(snapshot.shape);
  if (classes === undefined) {
    const labels = labelsAskedFor(snapshot);
    const related = latest.get(snapshot.shape.apartFromRoutes);
    const before: Classes['before'] =
      related !== undefined && areSame(related.labels, labels) ? related.made : new Map<string, Made>();
    classes = { labels, near: localityMatters(snapshot), snapshot, made: new Map(), before };
    known.set(snapshot.shape, classes);
    latest.set(snapshot.shape.apartFromRoutes, classes);
  } else if (classes.snapshot !== snapshot) {
    classes.before = classes.made;
    classes.made = new Map();
    classes.snapshot = snapshot;
  }
  return classes;
}

const NO_NAMES: ReadonlyMap<string, NameTable> = new Map();

function allResources(context: ProxyContext, classes: Classes): ClientResources {
  return {
    ...outboundClusters(context, clusterKey(context, classes)),
    ...(isTraced(context) ? named(entrances(context)) : entrances(context)),
    names: context.node.dnsCapture === true ? new Map([[NAME_TABLE, nameTable(context)]]) : NO_NAMES,
  };
}

function named({ listeners, routes }: Entrances): Entrances {
  return { listeners, routes: withOperations(routes) };
}

/** A gateway's own are made of its Gateways. */
function entrances(context: ProxyContext): Entrances {
  if (context.node.role === 'router') return { routes: new Map(), listeners: new Map() };
  return context.captured ? capturedResources(context) : proxyResources(context);
}

/** With delegates in it, a VirtualService's spec is made anew for each snapshot. */
function actOnTheSame(some: readonly MeshVirtualService[], others: readonly MeshVirtualService[]): boolean {
  return (
    some === others ||
    (some.length === others.length &&
      some.every(({ object, spec }, i) => object === others[i]?.object && spec === others[i]?.spec))
  );
}

/** Undefined where endpoints decide about more than their own clusters. */
function carriedOn(context: ProxyContext, classes: Classes, before: Made | undefined): ClientResources | undefined {
  if (before === undefined) return undefined;
  const { snapshot, virtualServices } = context;
  if (!actOnTheSame(before.virtualServices, virtualServices.all) || snapshot.trafficSplits.size > 0) return undefined;
  const replaced = replacedServices(before.services, snapshot.services);
  if (replaced === undefined) return undefined;
  const ports = [...replaced.values()].flatMap((service) =>
    (context.byHost.get(service.host) ?? []).filter((visible) => visible.service === service),
  );
  if (ports.length === 0) return before.resources;
  const wide = ports.some(
    ({ service }) => service.headless || service.resolution === 'none' || service.host.startsWith('*'),
  );
  if (wide) return undefined;
  const { clusters, endpoints, routes, listeners, credentials, names } = before.resources;
  const anew = outboundClusters(context, clusterKey(context, classes), ports);
  return {
    clusters: layered(clusters, anew.clusters),
    endpoints: layered(endpoints, anew.endpoints),
    routes,
    listeners,
    credentials,
    names,
  };
}

/** Whether clients of a class share listeners, which carry their access logs. */
function hasListeners({ captured, sidecar }: ProxyContext): boolean {
  return captured || (sidecar?.spec.egress ?? []).some(({ port }) => port !== undefined);
}

type Entrances = Pick<ClientResources, 'routes' | 'listeners'>;

/** For an application that uses its sidecar as its HTTP proxy. */
function proxyResources(context: ProxyContext): Entrances {
  const { listeners, routes } = egressResources(context);
  return { routes: new Map([[HTTP_PROXY_ROUTES, outboundRoutes(context)], ...routes]), listeners };
}

function capturedResources(context: ProxyContext): Entrances {
  const routes = new Map<string, RouteConfiguration>();
  const byPort = new Map<number, VisiblePort[]>();
  for (const visible of context.ports) {
    const { port } = visible;
    if (!carriesHttp(port)) continue;
    const sharing = byPort.get(port.number);
    if (sharing === undefined) byPort.set(port.number, [visible]);
    else sharing.push(visible);
    if (port.protocol === 'auto') routes.set(detectedRoutesName(visible), detectedRoutes(context, visible));
  }
  for (const [number, sharing] of byPort) routes.set(String(number), portRoutes(context, number, sharing));
  const opened = egressResources(context);
  return {
    routes: new Map([...routes, ...opened.routes]),
    listeners: new Map([...capturedListeners(context), ...opened.listeners]),
  };
}

/** Whether clients of different places may get different endpoints; in doubt they do. */
function localityMatters({ destinationRules, settings, services }: MeshSnapshot): boolean {
  const { localityLb, zoneAwareLb, defaultTrafficPolicy } = settings;
  const looks = (policy: PortPolicy | undefined): boolean =>
    policy?.outlierDetection !== undefined ||
    policy?.loadBalancer?.localityLbSetting !== undefined ||
    policy?.loadBalancer?.zoneAwareLbSetting !== undefined;
  const ofRule = (policy: TrafficPolicy | undefined): boolean =>
    looks(policy) || (policy?.portLevelSettings ?? []).some(looks);
  return (
    zoneAwareLb !== undefined ||
    localityLb.distribute !== undefined ||
    defaultTrafficPolicy?.outlierDetection !== undefined ||
    services.some(({ trafficDistribution }) => trafficDistribution !== undefined) ||
    destinationRules.all.some(
      ({ trafficPolicy, subsets }) => ofRule(trafficPolicy) || subsets.some((subset) => ofRule(subset.trafficPolicy)),
    )
  );
}

function labelsAskedFor({ destinationRules, virtualServices, settings, services }: MeshSnapshot): string[] {
  const labels = new Set<string>();
  const add = (selector: Readonly<Record<string, string>> | undefined): void => {
    for (const label of Object.keys(selector ?? {})) labels.add(label);
  };
  for (const { clients, trafficPolicy, subsets } of destinationRules.all) {
    add(clients);
    for (const policy of [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)]) {
      for (const { loadBalancer } of policy === undefined ? [] : [policy, ...(policy.portLevelSettings ?? [])]) {
        for (const label of labelsOfPolicy(localityPolicy(loadBalancer, {}, settings))) labels.add(label);
      }
    }
  }
  for (const service of new Set(services.map(({ trafficDistribution }) => trafficDistribution))) {
    const policy = localityPolicy(undefined, service === undefined ? {} : { trafficDistribution: service }, settings);
    for (const label of labelsOfPolicy(policy)) labels.add(label);
  }
  for (const { spec } of virtualServices.all) {
    for (const { match } of [...(spec.http ?? []), ...(spec.tls ?? []), ...(spec.tcp ?? [])]) {
      for (const { sourceLabels } of match ?? []) add(sourceLabels);
    }
  }
  return [...labels].sort();
}
