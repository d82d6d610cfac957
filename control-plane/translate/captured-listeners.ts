import { isIP } from 'node:net';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import { applicationPort, isHttp } from '../model/service.js';
import { type Families, familiesOf } from './capture.js';
import { detectedRoutesName } from './captured-routes.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { serviceAddresses } from './name-table.js';
import { addChains, capturedListener, type ListenerEntry } from './outbound-entry.js';

/**
 * The listeners to which `virtualOutbound` hands connections: one for all HTTP services of a port, found by their routes,
 * and one for each address of a service whose connections can only be told by where they go.
 */
export function capturedListeners(context: ProxyContext): Map<string, Listener> {
  const family = familiesOf(context);
  const entries = new Map<string, ListenerEntry>();
  const entryAt = (bind: string, port: number): ListenerEntry => {
    const name = `${bind}_${port}`;
    const entry = entries.get(name) ?? { bind, port, routes: undefined, chains: new Map() };
    entries.set(name, entry);
    return entry;
  };
  for (const visible of context.ports) {
    const { port } = visible;
    if (isHttp(port.protocol)) {
      const entry = entryAt(family.wildcard, port.number);
      entry.grpcWeb = port.protocol === 'grpc-web' && (entry.routes === undefined || entry.grpcWeb === true);
      entry.routes = String(port.number);
    } else {
      for (const place of placesOf(context, visible, family)) {
        const shared = place.bind === family.wildcard;
        const entry = entryAt(place.bind, place.port);
        if (port.protocol === 'auto') entry.routes ??= shared ? String(port.number) : detectedRoutesName(visible);
        addChains(context, visible, { ...place, shared }, entry);
      }
    }
  }
  return new Map([...entries].map(([name, entry]) => [name, capturedListener(context, name, entry)]));
}

/** Where connections to a service are caught; `range` where it has no address of its own to listen on. */
interface Place {
  readonly bind: string;
  readonly port: number;
  readonly range?: string;
}

function placesOf(context: ProxyContext, { service, port }: VisiblePort, family: Families): Place[] {
  if (service.headless) {
    return service.endpoints.flatMap((endpoint) => {
      const { address } = endpoint.workload;
      const application = applicationPort(port, endpoint);
      if (application === undefined || isIP(address) === 0 || endpoint.health === 'unhealthy') return [];
      return [{ bind: address, port: application }];
    });
  }
  const addresses = serviceAddresses(context, service).filter((address) => family.includes(address));
  if (addresses.length > 0) {
    return addresses.map((address) =>
      address.includes('/')
        ? { bind: family.wildcard, port: port.number, range: address }
        : { bind: address, port: port.number },
    );
  }
  // A listener for every destination of a port, where the service is one name for another, would take them all.
  const alias = service.object.startsWith('Service ');
  return alias ? [] : [{ bind: family.wildcard, port: port.number }];
}
