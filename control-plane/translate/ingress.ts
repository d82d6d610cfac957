import { isIP } from 'node:net';
import { formatClusterName } from '../../common/xds/names.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { PortPolicy } from '../api/kinds/destination-rule.js';
import type { ServerTlsSettings } from '../api/kinds/gateway.js';
import type { IstioIngressListener } from '../api/kinds/sidecar.js';
import { type Protocol, protocolOf, type Workload } from '../model/service.js';
import { ingressAt } from '../model/sidecars.js';
import { familiesOf } from './capture.js';
import type { ProxyContext } from './context.js';
import { ipAddress, pipe, UNIX } from './messages.js';

/** The ports that a Sidecar's ingress listeners name, with what they carry; undefined without any. */
export function ingressProtocols({ sidecar }: ProxyContext): Map<number, Protocol> | undefined {
  const listeners = sidecar?.spec.ingress ?? [];
  if (listeners.length === 0) return undefined;
  return new Map(
    listeners.flatMap((listener) =>
      listener.port.number === undefined ? [] : [[listener.port.number, protocolIn(listener)]],
    ),
  );
}

/** What comes out of its TLS, where it ends some: such a port is HTTPS or TLS. */
function protocolIn({ port: { protocol, name, number }, tls }: IstioIngressListener): Protocol {
  if (tls !== undefined) return protocol?.toUpperCase() === 'HTTPS' ? 'http' : 'tcp';
  return protocolOf(protocol === '' ? undefined : protocol, name ?? '', number ?? 0);
}

/** TLS that a port ends for clients outside of the mesh. It counts where the PeerAuthentication turns the mesh's off, as in Istio. */
export function ingressTls(
  { snapshot, sidecar }: ProxyContext,
  workload: Workload,
  application: number | undefined,
): ServerTlsSettings | undefined {
  const tls = application === undefined ? undefined : ingressAt(sidecar, application)?.tls;
  if (tls === undefined || application === undefined) return undefined;
  return snapshot.peerAuthentications.mode(workload, application) === 'disable' ? tls : undefined;
}

/** A port that the sidecar itself listens on, for clients that come to it by its address. */
export interface OpenedPort {
  readonly bind: string;
  readonly port: number;
}

/** The ingress listeners that are opened, and not captured or led to by a port of the sidecar's own. */
export function openedIngress(context: ProxyContext, workload: Workload): readonly OpenedPort[] {
  return (context.sidecar?.spec.ingress ?? []).flatMap((listener) => {
    const { number } = listener.port;
    if (number === undefined || !isOpened(listener, workload)) return [];
    const bind = listener.bind || wildcardOf(context, workload);
    return isIP(bind) === 0 || leadsToItself(listener, bind, workload) ? [] : [{ bind, port: number }];
  });
}

/** By default where nothing is captured; with ports of its own a sidecar is entered at those, unless an address is named. */
export function isOpened({ captureMode = 'DEFAULT', bind = '' }: IstioIngressListener, { sidecar }: Workload): boolean {
  if (captureMode !== 'DEFAULT') return captureMode === 'NONE';
  return sidecar?.kind === 'ports' ? bind !== '' : sidecar?.kind === 'capture' && sidecar.interception === 'NONE';
}

/** One machine has many workloads, each at an address of its own. */
function wildcardOf(context: ProxyContext, workload: Workload): string {
  return workload.sidecar?.kind === 'ports' ? workload.address : familiesOf(context).wildcard;
}

/** The application would meet itself: nothing says that it listens elsewhere. */
function leadsToItself(
  { port, defaultEndpoint = '' }: IstioIngressListener,
  bind: string,
  workload: Workload,
): boolean {
  if (defaultEndpoint === '') return true;
  const { host, port: target } = partsOf(defaultEndpoint);
  if (target !== port.number) return false;
  const address = isWildcard(host) ? workload.address : host;
  return isWildcard(bind) || bind === address;
}

function partsOf(endpoint: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^\[?([^\]]*)\]?:(\d+)$/.exec(endpoint) ?? [];
  return { host, port: Number(port) };
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Limits on connections to the application: of the port, else of the Sidecar. */
export function inboundPolicy({ sidecar }: ProxyContext, application: number): PortPolicy {
  const connectionPool = ingressAt(sidecar, application)?.connectionPool ?? sidecar?.spec.inboundConnectionPool;
  return connectionPool === undefined ? {} : { connectionPool };
}

/** Where an ingress listener sends what comes to its port (`defaultEndpoint`); undefined for where it was going. */
export function ingressEndpoint(
  { sidecar }: ProxyContext,
  workload: Workload,
  application: number,
): Partial<Cluster> | undefined {
  const name = formatClusterName({ direction: 'inbound', port: application, subset: '', host: '' });
  const endpoint = ingressAt(sidecar, application)?.defaultEndpoint ?? '';
  if (endpoint === '') return undefined;
  if (endpoint.startsWith(UNIX)) return { type: 'STATIC', ...assignment(name, pipe(endpoint)) };
  const { host, port } = partsOf(endpoint);
  const address = isWildcard(host) ? workload.address : host;
  return isIP(address) === 0 ? undefined : { type: 'STATIC', ...assignment(name, ipAddress(address, port)) };
}

function assignment(name: string, address: object): Partial<Cluster> {
  return { load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] } };
}
