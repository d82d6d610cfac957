import { resolveHost } from '../api/hosts.js';
import type { Destination } from '../api/kinds/shared.js';
import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import { layered } from '../layered.js';
import { replacedServices, type Shape } from '../model/continuity.js';
import type { Service, ServicePort } from '../model/service.js';
import { egressNames, importsRoutes, type SidecarRule } from '../model/sidecars.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { MeshVirtualService } from '../model/virtual-services.js';
import { isVisible } from '../model/visibility.js';

/** A port of a service as one proxy sees it. */
export interface VisiblePort {
  readonly service: Service;
  readonly port: ServicePort;
}

/** What a client knows of the mesh: what is exported to it, as far as its Sidecar's egress hosts name it. */
export interface Scope {
  /** What its applications can call: one entry per host and port. */
  readonly ports: readonly VisiblePort[];
  /** The same, and with it where routes of those may lead. */
  readonly byHost: ReadonlyMap<string, readonly VisiblePort[]>;
  readonly virtualServices: ClientVirtualServices;
}

/** The VirtualServices that a client acts on. */
export interface ClientVirtualServices {
  /** Oldest first. */
  readonly all: readonly MeshVirtualService[];
  find(host: string): MeshVirtualService | undefined;
  /** All with routes for TCP or TLS that concern a host. */
  findAll(host: string): readonly MeshVirtualService[];
}

interface KnownScope extends Scope {
  /** As in the first snapshot of the shape. */
  readonly first: readonly VisiblePort[];
}

interface Scopes {
  snapshot: MeshSnapshot;
  made: Map<string, KnownScope>;
  /** Of the snapshot before. */
  before: { readonly services: readonly Service[]; readonly made: ReadonlyMap<string, KnownScope> } | undefined;
}

const known = new WeakMap<Shape, Scopes>();

function scopesOf(snapshot: MeshSnapshot): Scopes {
  let scopes = known.get(snapshot.shape);
  if (scopes === undefined) {
    scopes = { snapshot, made: new Map(), before: undefined };
    known.set(snapshot.shape, scopes);
  } else if (scopes.snapshot !== snapshot) {
    scopes.before = { services: scopes.snapshot.services, made: scopes.made };
    scopes.made = new Map();
    scopes.snapshot = snapshot;
  }
  return scopes;
}

/**
 * The same object for all clients that know the same. `separate`: ports that egress listeners name are told apart from the others;
 * else all of their hosts count for every port.
 */
export function scopeOf(
  snapshot: MeshSnapshot,
  namespace: string,
  sidecar: SidecarRule | undefined,
  separate: boolean,
): Scope {
  const scopes = scopesOf(snapshot);
  const key = JSON.stringify([namespace, sidecar?.object ?? null, separate]);
  let scope = scopes.made.get(key);
  if (scope === undefined) {
    const before = scopes.before?.made.get(key);
    const replaced = scopes.before && replacedServices(scopes.before.services, snapshot.services);
    scope =
      before === undefined || replaced === undefined
        ? scopeFor(snapshot, namespace, sidecar, separate)
        : scopeWith(before, replaced);
    scopes.made.set(key, scope);
  }
  return scope;
}

/** The same scope, of services with other endpoints. It does not hold on to the one before, or none would ever go. */
function scopeWith(
  { byHost: before, first, virtualServices }: KnownScope,
  replaced: ReadonlyMap<Service, Service>,
): KnownScope {
  const changed = new Map<string, readonly VisiblePort[]>();
  for (const { host } of replaced.keys()) {
    const ports = before.get(host);
    if (ports === undefined) continue;
    const renewed = ports.map((visible) => {
      const service = replaced.get(visible.service);
      return service === undefined ? visible : { ...visible, service };
    });
    changed.set(host, renewed);
  }
  const byHost = layered(before, changed);
  let ports: readonly VisiblePort[] | undefined;
  return {
    byHost,
    virtualServices,
    first,
    // Seldom asked for: mostly only what has changed is translated.
    get ports() {
      ports ??= first.map((visible) => byHost.get(visible.service.host)?.find(isOf(visible)) ?? visible);
      return ports;
    },
  };
}

/** Ports stay the same objects while a service stays the same but for its endpoints. */
function isOf({ service, port }: VisiblePort): (other: VisiblePort) => boolean {
  return (other) => other.port === port && other.service.object === service.object;
}

function scopeFor(
  snapshot: MeshSnapshot,
  namespace: string,
  sidecar: SidecarRule | undefined,
  separate: boolean,
): KnownScope {
  const egress = sidecar?.spec.egress ?? [];
  const visible = snapshot.services.filter((service) => isVisible(service.exportTo, namespace));
  const narrow = egress.length > 0;
  const imported = (vs: MeshVirtualService): boolean =>
    isVisible(vs.exportTo, namespace) && (!narrow || egress.some((one) => importsRoutes(one, vs, namespace)));
  const virtualServices: ClientVirtualServices = {
    all: snapshot.virtualServices.all.filter(imported),
    find: (host) => snapshot.virtualServices.find(host, namespace, imported),
    findAll: (host) => snapshot.virtualServices.findAll(host, namespace).filter(imported),
  };
  if (!narrow) {
    const byHost = portsByHost(visible, namespace);
    const ports = [...byHost.values()].flat();
    return { ports, first: ports, byHost, virtualServices };
  }
  const named = visible.filter((service) => egress.some((one) => egressNames(one, service, namespace)));
  const byHost = portsByHost(named, namespace);
  const ports = [...byHost.values()].flat();
  addDestinations(byHost, destinationsOf(virtualServices.all, sidecar, namespace), visible, namespace);
  const called = separate ? reachable(ports, sidecar, namespace) : ports;
  return { ports: called, first: called, byHost, virtualServices };
}

/** Where connections are captured, a port with an egress listener of its own is not one of the listener without a port. */
function reachable(ports: VisiblePort[], sidecar: SidecarRule | undefined, namespace: string): VisiblePort[] {
  const egress = (sidecar?.spec.egress ?? []).filter(({ captureMode }) => captureMode !== 'NONE');
  return ports.filter(({ service, port }) => {
    const own = egress.filter((one) => one.port?.number === port.number && (one.bind ?? '') === '');
    const listeners = own.length > 0 ? own : egress.filter((one) => (one.port?.number ?? 0) === 0);
    return listeners.some((one) => egressNames(one, service, namespace));
  });
}

/** Where two services claim one host and port, the client's own namespace goes first, then the snapshot's order. */
function portsByHost(visible: readonly Service[], namespace: string): Map<string, VisiblePort[]> {
  const byHost = new Map<string, VisiblePort[]>();
  const add = (service: Service): void => {
    const list = byHost.get(service.host) ?? [];
    for (const port of service.ports) {
      if (!list.some((known) => known.port.number === port.number)) list.push({ service, port });
    }
    byHost.set(service.host, list);
  };
  // Seeds the order by host before the client's own services are put first within each.
  for (const service of visible) byHost.set(service.host, []);
  for (const service of visible) if (service.namespace === namespace) add(service);
  for (const service of visible) if (service.namespace !== namespace) add(service);
  return byHost;
}

/** Routes that a client acts on may lead to services that its Sidecar does not name. */
function addDestinations(
  byHost: Map<string, VisiblePort[]>,
  hosts: ReadonlySet<string>,
  visible: readonly Service[],
  namespace: string,
): void {
  const missing = visible.filter(({ host }) => hosts.has(host) && !byHost.has(host));
  for (const [host, ports] of portsByHost(missing, namespace)) byHost.set(host, ports);
}

function destinationsOf(
  routing: readonly MeshVirtualService[],
  sidecar: SidecarRule | undefined,
  namespace: string,
): Set<string> {
  const hosts = new Set<string>();
  for (const vs of routing) {
    for (const { host } of routeDestinations(vs.spec)) hosts.add(resolveHost(host, vs.namespace));
  }
  const proxy = sidecar?.spec.outboundTrafficPolicy?.egressProxy;
  if (proxy !== undefined) hosts.add(resolveHost(proxy.host, namespace));
  return hosts;
}

function routeDestinations({ http, tls, tcp }: VirtualServiceSpec): Destination[] {
  return [
    ...(http ?? []).flatMap(({ route, mirror, mirrors }) => [
      ...(route ?? []).map(({ destination }) => destination),
      ...(mirror === undefined ? [] : [mirror]),
      ...(mirrors ?? []).map(({ destination }) => destination),
    ]),
    ...[...(tls ?? []), ...(tcp ?? [])].flatMap(({ route }) => (route ?? []).map(({ destination }) => destination)),
  ];
}
