import { isIP } from 'node:net';
import { formatClusterName } from '../../common/xds/names.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { PortPolicy } from '../api/kinds/destination-rule.js';
import type { IstioIngressListener } from '../api/kinds/sidecar.js';
import { type Protocol, protocolOf, type Workload } from '../model/service.js';
import { ingressAt } from '../model/sidecars.js';
import type { ProxyContext } from './context.js';
import { ipAddress } from './messages.js';

/** The ports that a Sidecar's ingress listeners name, with what they carry; undefined without any. */
export function ingressProtocols({ sidecar }: ProxyContext): Map<number, Protocol> | undefined {
  const listeners = sidecar?.spec.ingress ?? [];
  if (listeners.length === 0) return undefined;
  return new Map(listeners.flatMap(({ port }) => (port.number === undefined ? [] : [[port.number, protocolIn(port)]])));
}

function protocolIn({ protocol, name, number }: IstioIngressListener['port']): Protocol {
  return protocolOf(protocol === '' ? undefined : protocol, name ?? '', number ?? 0);
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
  if (endpoint.startsWith('unix://')) {
    return { type: 'STATIC', ...assignment(name, { pipe: { path: endpoint.slice('unix://'.length) } }) };
  }
  const [, host = '', port = ''] = /^\[?([^\]]*)\]?:(\d+)$/.exec(endpoint) ?? [];
  const address = host === '0.0.0.0' || host === '::' ? workload.address : host;
  return isIP(address) === 0 ? undefined : { type: 'STATIC', ...assignment(name, ipAddress(address, Number(port))) };
}

function assignment(name: string, address: object): Partial<Cluster> {
  return { load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] } };
}
