import { isIP } from 'node:net';
import { formatClusterName } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { SidecarPorts } from '../model/allotment.js';
import type { MtlsMode } from '../model/peer-authentication.js';
import { isHttp, type Workload } from '../model/service.js';
import { policyFields } from './cluster-policy.js';
import type { ProxyContext } from './context.js';
import { type InboundPort, inboundChains } from './inbound-chains.js';
import { allPortProtocols, servicesMetadata } from './inbound-ports.js';
import {
  inboundPolicy,
  ingressEndpoint,
  ingressProtocols,
  ingressTls,
  type OpenedPort,
  openedIngress,
} from './ingress.js';
import { any, duration, ipAddress } from './messages.js';

export interface InboundResources {
  readonly listeners: Map<string, Listener>;
  readonly clusters: Map<string, Cluster>;
}

/** A listener and a cluster for every application port that has a port of the sidecar's own. */
export function inboundResources(context: ProxyContext, workload: Workload, ports: SidecarPorts): InboundResources {
  const out: InboundResources = { listeners: new Map(), clusters: new Map() };
  const protocols = allPortProtocols(context.snapshot, workload);
  for (const [port, protocol] of ingressProtocols(context) ?? []) protocols.set(port, protocol);
  for (const [application, entrance] of [...ports.inbound].sort(([a], [b]) => a - b)) {
    const protocol = protocols.get(application) ?? 'auto';
    const cluster = formatClusterName({ direction: 'inbound', port: application, subset: '', host: '' });
    const chainName = String(application);
    const statPrefix = `inbound_${workload.address}_${application}`;
    const port = { context, workload, application, protocol, cluster, chainName, statPrefix, match: {} };
    const listener = inboundListener(port, application, ports.address, entrance);
    out.listeners.set(listener.name ?? '', listener);
    out.clusters.set(cluster, applicationCluster(port, application));
  }
  for (const port of openedPorts(context, workload)) {
    const { opened, application, cluster } = port;
    const listener = inboundListener(port, application, opened.bind, application);
    out.listeners.set(listener.name ?? '', listener);
    out.clusters.set(cluster, applicationCluster(port, application));
  }
  return out;
}

type Opened = InboundPort & { readonly opened: OpenedPort; readonly application: number };

/** The ports at which a Sidecar's ingress listeners have the sidecar itself listen. */
function openedPorts(context: ProxyContext, workload: Workload): Opened[] {
  const protocols = ingressProtocols(context);
  return openedIngress(context, workload).map((opened) => {
    const { bind, port: application } = opened;
    const cluster = formatClusterName({ direction: 'inbound', port: application, subset: '', host: '' });
    return {
      context,
      workload,
      opened,
      application,
      protocol: protocols?.get(application) ?? 'auto',
      cluster,
      chainName: `${bind}_${application}`,
      statPrefix: `inbound_${bind}_${application}`,
      match: {},
    };
  });
}

/** The listeners of such ports in a pod; their clusters, where others do not have them already. */
export function openedListeners(
  context: ProxyContext,
  workload: Workload,
): readonly { port: InboundPort; listener: Listener }[] {
  return openedPorts(context, workload).map((port) => ({
    port,
    listener: inboundListener(port, port.application, port.opened.bind, port.application),
  }));
}

function applicationCluster({ context, workload, protocol, cluster }: InboundPort, application: number): Cluster {
  const weft = context.node.dataPlane === 'weft';
  return {
    name: cluster,
    // Envoy takes a host name only where it looks names up.
    type: isIP(workload.address) === 0 ? 'STRICT_DNS' : 'STATIC',
    ...policyFields(
      inboundPolicy(context, application),
      protocol,
      weft ? 'application' : 'http1',
      context.snapshot.settings,
    ),
    ...servicesMetadata(context.snapshot, workload, application),
    load_assignment: {
      cluster_name: cluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: ipAddress(workload.address, application) } }] }],
    },
    ...ingressEndpoint(context, workload, application),
  };
}

function inboundListener(port: InboundPort, application: number, address: string, entrance: number): Listener {
  const mode = port.context.snapshot.peerAuthentications.mode(port.workload, application);
  const sniffHttp = port.protocol === 'auto' && mode !== 'strict';
  return {
    name: `${address}_${entrance}`,
    address: ipAddress(address, entrance),
    traffic_direction: 'INBOUND',
    filter_chains: inboundChains(port, mode),
    listener_filters: [
      ...(mode === 'disable' && ingressTls(port.context, port.workload, application) === undefined
        ? []
        : [{ name: 'envoy.filters.listener.tls_inspector', typed_config: any(EXTENSION.tlsInspector) }]),
      ...(sniffHttp
        ? [{ name: 'envoy.filters.listener.http_inspector', typed_config: any(EXTENSION.httpInspector) }]
        : []),
    ],
    ...silentClients(port, mode),
  };
}

/** Where the server may have to speak first, a client that sends nothing is served as plain TCP; else it is sent away. */
function silentClients({ protocol }: InboundPort, mode: MtlsMode): Partial<Listener> {
  if (isHttp(protocol) || mode === 'strict') return { listener_filters_timeout: duration(LONG_SILENCE_MS) };
  return { listener_filters_timeout: duration(SNIFF_MS), continue_on_listener_filters_timeout: true };
}

/** How long a server that speaks first is kept waiting by our look at the client's first bytes. */
export const SNIFF_MS = 1000;
/** How long a client may take to begin where it is its turn in any case. */
export const LONG_SILENCE_MS = 15_000;
