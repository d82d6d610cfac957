import { isIP } from 'node:net';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { IstioEgressListener } from '../api/kinds/sidecar.js';
import { type Protocol, protocolOf } from '../model/service.js';
import { egressNames } from '../model/sidecars.js';
import { familiesOf } from './capture.js';
import { routesAmong } from './captured-routes.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { UNIX } from './messages.js';
import { addChains, capturedListener, type ListenerEntry, openedListener } from './outbound-entry.js';
import { outboundRoutes } from './outbound-routes.js';

export interface EgressResources {
  readonly listeners: Map<string, Listener>;
  readonly routes: Map<string, RouteConfiguration>;
}

/**
 * The addresses that a Sidecar's egress listeners name: opened for an application which calls them by itself (captureMode
 * NONE, and every one of them where nothing is captured), else captured. Behind one stand the services that its hosts name.
 */
export function egressResources(context: ProxyContext): EgressResources {
  const out: EgressResources = { listeners: new Map(), routes: new Map() };
  for (const egress of context.sidecar?.spec.egress ?? []) {
    const number = egress.port?.number ?? 0;
    const bind = egress.bind === undefined || egress.bind === '' ? loopbackOf(context) : egress.bind;
    const unix = bind.startsWith(UNIX);
    if (!unix && (number === 0 || isIP(bind) === 0 || !isOpened(context, egress))) continue;
    const name = unix ? bind : `${bind}_${number}`;
    if (out.listeners.has(name)) continue;
    const entry = entryOf(context, egress, name, { bind, port: number }, out.routes);
    if (entry === undefined) continue;
    const make = unix || bound(context, egress) ? openedListener : capturedListener;
    out.listeners.set(name, make(context, name, entry));
  }
  return out;
}

/** Whether an egress listener has an address of its own; one without is a part of what is captured (`scopeOf`). */
function isOpened(context: ProxyContext, egress: IstioEgressListener): boolean {
  return bound(context, egress) || (egress.bind ?? '') !== '';
}

/** Whether applications connect to it themselves; else connections to its address are captured. */
function bound({ captured }: ProxyContext, { captureMode }: IstioEgressListener): boolean {
  return !captured || captureMode === 'NONE';
}

function loopbackOf(context: ProxyContext): string {
  return familiesOf(context).wildcard === '::' ? '::1' : '127.0.0.1';
}

function entryOf(
  context: ProxyContext,
  egress: IstioEgressListener,
  name: string,
  place: Pick<ListenerEntry, 'bind' | 'port'>,
  routes: Map<string, RouteConfiguration>,
): ListenerEntry | undefined {
  const entry: ListenerEntry = { ...place, routes: undefined, chains: new Map() };
  const declared = egress.port?.protocol ?? '';
  const protocol = protocolOf(declared === '' ? undefined : declared, egress.port?.name ?? '', place.port);
  const known = [...context.byHost.values()].flat();
  const named = known.filter(({ service }) => egressNames(egress, service, context.client.namespace));
  if (declared.toUpperCase() === 'HTTP_PROXY') {
    entry.routes = name;
    routes.set(name, outboundRoutes(context, named, name));
    return entry;
  }
  if (mayCarry(protocol, 'http')) {
    entry.routes = name;
    routes.set(
      name,
      routesAmong(context, place.port === 0 ? named : named.filter(({ port }) => port.number === place.port), name),
    );
  }
  if (mayCarry(protocol, 'tcp')) {
    for (const visible of portsAt(named, place.port)) {
      if (mayCarry(visible.port.protocol, 'tcp')) addChains(context, visible, { shared: true }, entry);
    }
  }
  return entry.routes === undefined && entry.chains.size === 0 ? undefined : entry;
}

function mayCarry(protocol: Protocol, kind: 'http' | 'tcp'): boolean {
  if (protocol === 'auto') return true;
  return (protocol === 'tcp' || protocol === 'tls') === (kind === 'tcp');
}

/** The port of that number of each service, every one for 0; the only one of a service that has just one. */
function portsAt(ports: readonly VisiblePort[], number: number): VisiblePort[] {
  return ports.filter(({ service, port }) => number === 0 || port.number === number || service.ports.length === 1);
}
