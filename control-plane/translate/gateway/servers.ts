import type { GatewayServer, ServerTlsSettings } from '../../api/kinds/gateway.js';
import { type ServerHost, serverHost } from '../../model/gateway-hosts.js';
import type { MeshGateway } from '../../model/gateways.js';
import { applicationPort } from '../../model/service.js';
import type { ServedService } from '../../model/snapshot.js';

/** A server of a Gateway at the place where a proxy listens for it. */
export interface PlacedServer {
  readonly gateway: MeshGateway;
  readonly server: GatewayServer;
  readonly hosts: readonly ServerHost[];
  /** Name of its routes; undefined where connections are relayed. */
  readonly routes: string | undefined;
  /** TLS that is looked into or ended here; undefined for plain text. */
  readonly tls: ServerTlsSettings | undefined;
}

/** Servers that share a port. */
export interface GatewayListener {
  /** As written; empty for every address. */
  readonly bind: string;
  readonly port: number;
  readonly kind: ServerKind;
  readonly servers: PlacedServer[];
}

/** `tls` is told apart by server names, whatever is inside. */
export type ServerKind = 'http' | 'tcp' | 'tls';

const HTTP = new Set(['http', 'http2', 'grpc', 'grpc-web', 'http_proxy']);

/** What a server waits for; undefined where it asks for TLS and says nothing about it. */
export function serverKind({ port, tls }: GatewayServer): ServerKind | undefined {
  const protocol = port.protocol.toLowerCase();
  if (HTTP.has(protocol)) return 'http';
  if (tls !== undefined) return 'tls';
  return protocol === 'https' || protocol === 'tls' ? undefined : 'tcp';
}

/** TLS that is not ended here; the mode of settings that name none. */
export function isPassthrough(tls: ServerTlsSettings | undefined): boolean {
  return tls?.mode === undefined || tls.mode === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH';
}

/** Whether requests, and not connections, are what a server routes. */
export function servesHttp(server: GatewayServer): boolean {
  const kind = serverKind(server);
  return (
    kind === 'http' || (kind === 'tls' && server.port.protocol.toLowerCase() === 'https' && !isPassthrough(server.tls))
  );
}

/**
 * The listeners of a proxy that serves these gateways. Where servers contradict each other (kinds of one port, hosts of
 * TLS servers) the first holds, as in Istio.
 */
export function gatewayListeners(
  gateways: readonly MeshGateway[],
  served: readonly ServedService[],
): readonly GatewayListener[] {
  const listeners = new Map<string, GatewayListener>();
  for (const gateway of gateways) {
    for (const server of gateway.servers) {
      const kind = serverKind(server);
      if (kind === undefined) continue;
      const port = listenPort(server.port.number, served);
      const bind = server.bind ?? '';
      const key = `${bind}_${port}`;
      const listener = listeners.get(key) ?? { bind, port, kind, servers: [] };
      const placed = place(gateway, server, kind, port);
      if (listener.kind !== kind || (kind === 'tcp' && listener.servers.length > 0)) continue;
      const fitting = kind === 'tls' ? withFreeHosts(placed, listener) : placed;
      if (fitting === undefined) continue;
      listener.servers.push(fitting);
      listeners.set(key, listener);
    }
  }
  return [...listeners.values()].sort((a, b) => a.port - b.port || (a.bind < b.bind ? -1 : 1));
}

/** A Gateway says which port clients use; the proxy listens where the Service of that port leads to. */
export function listenPort(number: number, served: readonly ServedService[]): number {
  for (const { service, endpoint } of served) {
    const port = service.ports.find((candidate) => candidate.number === number);
    const target = port === undefined ? undefined : applicationPort(port, endpoint);
    if (target !== undefined) return target;
  }
  return number;
}

function place(gateway: MeshGateway, server: GatewayServer, kind: ServerKind, port: number): PlacedServer {
  return {
    gateway,
    server,
    hosts: server.hosts.map((host) => serverHost(host, gateway)),
    routes: servesHttp(server) ? routesName(gateway, server, kind, port) : undefined,
    tls: kind === 'tls' ? server.tls : undefined,
  };
}

function routesName(gateway: MeshGateway, server: GatewayServer, kind: ServerKind, port: number): string {
  const bind = server.bind === undefined || server.bind === '' ? '' : `.${server.bind}`;
  if (kind === 'http') return `http.${port}${bind}`;
  return `https.${server.port.number}.${server.port.name}.${gateway.name}.${gateway.namespace}${bind}`;
}

/** Without the hosts that another TLS server of the port has; undefined when nothing is left, or when its routes have a namesake. */
function withFreeHosts(placed: PlacedServer, { servers }: GatewayListener): PlacedServer | undefined {
  if (placed.routes !== undefined && servers.some(({ routes }) => routes === placed.routes)) return undefined;
  const taken = new Set(servers.flatMap(({ hosts }) => hosts.map(({ host }) => host)));
  const hosts = placed.hosts.filter(({ host }) => !taken.has(host));
  return hosts.length === 0 ? undefined : { ...placed, hosts };
}
