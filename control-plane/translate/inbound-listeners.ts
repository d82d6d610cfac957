import { isIP } from 'node:net';
import { formatClusterName, MESH_ALPN } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { TransportSocket } from '../../proto/gen/envoy/config/core/v3/TransportSocket.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { FilterChain } from '../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { SidecarPorts } from '../model/allotment.js';
import type { MtlsMode } from '../model/peer-authentication.js';
import { applicationPort, isHttp, type Protocol, protocolOf, type Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { workloadKey } from '../model/workloads.js';
import { accessLogs } from './access-log.js';
import { httpPolicyFilters, networkPolicyFilters } from './authorization-filters.js';
import { policyFields } from './cluster-policy.js';
import { connectionManager } from './connection-manager.js';
import type { ProxyContext } from './context.js';
import { any, bool, duration, ipAddress, meshRoots, ownCertificate, struct } from './messages.js';
import { inboundRetryPolicy } from './retry.js';
import { serverAlpn, trustDomainMatchers } from './upstream-tls.js';

export interface InboundResources {
  readonly listeners: Map<string, Listener>;
  readonly clusters: Map<string, Cluster>;
}

/** One application port behind its sidecar. */
interface InboundPort {
  readonly context: ProxyContext;
  readonly workload: Workload;
  readonly application: number;
  readonly protocol: Protocol;
  readonly cluster: string;
}

/** A listener and a cluster for every application port that has a port of the sidecar's own. */
export function inboundResources(context: ProxyContext, workload: Workload, ports: SidecarPorts): InboundResources {
  const out: InboundResources = { listeners: new Map(), clusters: new Map() };
  const protocols = portProtocols(context.snapshot, workload);
  for (const [application, entrance] of [...ports.inbound].sort(([a], [b]) => a - b)) {
    const protocol = protocols.get(application) ?? 'auto';
    const cluster = formatClusterName({ direction: 'inbound', port: application, subset: '', host: '' });
    const port: InboundPort = { context, workload, application, protocol, cluster };
    const listener = inboundListener(port, ports.address, entrance);
    out.listeners.set(listener.name ?? '', listener);
    out.clusters.set(cluster, applicationCluster(port));
  }
  return out;
}

/** What the services say about a workload's ports; where none speaks, the port's own name. */
function portProtocols(snapshot: MeshSnapshot, workload: Workload): Map<number, Protocol> {
  const found = new Map<number, Protocol>();
  for (const { service, endpoint } of snapshot.servicesOf.get(workloadKey(workload)) ?? []) {
    for (const port of service.ports) {
      const application = applicationPort(port, endpoint);
      if (application !== undefined && !found.has(application)) found.set(application, port.protocol);
    }
  }
  for (const [name, port] of workload.ports) if (!found.has(port)) found.set(port, protocolOf(undefined, name, port));
  return found;
}

/** The services that a port of the application stands for, by which the sidecar's metrics name their destination. */
function servicesOf(snapshot: MeshSnapshot, workload: Workload, application: number): Pick<Cluster, 'metadata'> {
  const services = (snapshot.servicesOf.get(workloadKey(workload)) ?? [])
    .filter(({ service, endpoint }) => service.ports.some((port) => applicationPort(port, endpoint) === application))
    .map(({ service: { host, name, namespace } }) => ({ host, name, namespace }));
  return services.length === 0 ? {} : { metadata: { filter_metadata: { istio: struct({ services }) } } };
}

function applicationCluster({ context, workload, application, protocol, cluster }: InboundPort): Cluster {
  const weft = context.node.dataPlane === 'weft';
  return {
    name: cluster,
    // Envoy takes a host name only where it looks names up.
    type: isIP(workload.address) === 0 ? 'STRICT_DNS' : 'STATIC',
    ...policyFields({}, protocol, weft ? 'application' : 'http1', context.snapshot.settings),
    ...servicesOf(context.snapshot, workload, application),
    load_assignment: {
      cluster_name: cluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: ipAddress(workload.address, application) } }] }],
    },
  };
}

function inboundListener(port: InboundPort, address: string, entrance: number): Listener {
  const mode = port.context.snapshot.peerAuthentications.mode(port.workload, port.application);
  const sniffHttp = port.protocol === 'auto' && mode !== 'strict';
  const chains: FilterChain[] = [];
  if (mode !== 'disable') chains.push(meshChain(port));
  if (mode !== 'strict') chains.push(...plainChains(port, mode));
  if (mode === 'permissive') chains.push(foreignTlsChain(port));
  return {
    name: `${address}_${entrance}`,
    address: ipAddress(address, entrance),
    traffic_direction: 'INBOUND',
    filter_chains: chains,
    listener_filters: [
      ...(mode === 'disable'
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
  if (isHttp(protocol) || mode === 'strict') return { listener_filters_timeout: duration(15_000) };
  return { listener_filters_timeout: duration(SNIFF_MS), continue_on_listener_filters_timeout: true };
}

/** How long a server that speaks first is kept waiting by our look at the client's first bytes. */
const SNIFF_MS = 1000;

function meshChain(port: InboundPort): FilterChain {
  const http = port.protocol !== 'tcp' && port.protocol !== 'tls';
  return {
    name: `${port.application}-mtls`,
    filter_chain_match: { transport_protocol: 'tls', application_protocols: [...MESH_PROTOCOLS] },
    transport_socket: meshSocket(port),
    filters: http ? httpFilters(port) : tcpFilters(port),
  };
}

/** ALPN by which mesh clients mark their TLS; the others are what clients under Istio send. */
const MESH_PROTOCOLS = [MESH_ALPN, 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'] as const;

/** With mTLS off nothing looks for TLS: whatever comes is the application's. */
function plainChains(port: InboundPort, mode: MtlsMode): FilterChain[] {
  const { application, protocol } = port;
  const match = mode === 'disable' ? {} : { transport_protocol: 'raw_buffer' };
  const tcp = (name: string): FilterChain => ({ name, filter_chain_match: match, filters: tcpFilters(port) });
  const http = (name: string, extra: object): FilterChain => ({
    name,
    filter_chain_match: { ...match, ...extra },
    filters: httpFilters(port),
  });
  if (protocol === 'tcp' || protocol === 'tls') return [tcp(`${application}-plain`)];
  if (protocol !== 'auto') return [http(`${application}-plain`, {})];
  return [
    http(`${application}-plain-http`, { application_protocols: ['http/1.0', 'http/1.1', 'h2c'] }),
    tcp(`${application}-plain-tcp`),
  ];
}

/** TLS that is the application's own. */
function foreignTlsChain(port: InboundPort): FilterChain {
  return {
    name: `${port.application}-tls-passthrough`,
    filter_chain_match: { transport_protocol: 'tls' },
    filters: tcpFilters(port),
  };
}

function meshSocket({ context, protocol }: InboundPort): TransportSocket {
  const { settings } = context.snapshot;
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: any(EXTENSION.downstreamTls, {
      common_tls_context: {
        tls_params: {
          tls_minimum_protocol_version: settings.minTlsVersion,
          tls_maximum_protocol_version: 'TLSv1_3',
          ...(settings.cipherSuites.length > 0 && { cipher_suites: [...settings.cipherSuites] }),
          ...(settings.ecdhCurves.length > 0 && { ecdh_curves: [...settings.ecdhCurves] }),
        },
        tls_certificate_sds_secret_configs: [ownCertificate],
        combined_validation_context: {
          default_validation_context: { match_typed_subject_alt_names: trustDomainMatchers(settings) },
          validation_context_sds_secret_config: meshRoots,
        },
        alpn_protocols: serverAlpn(protocol, context.node.dataPlane === 'weft'),
      },
      require_client_certificate: bool(true),
    }),
  };
}

function httpFilters({ context, workload, application, cluster }: InboundPort): Filter[] {
  const { snapshot, node } = context;
  return [
    connectionManager({
      direction: 'inbound',
      statPrefix: `inbound_${workload.address}_${application}`,
      routes: {
        route_config: {
          name: cluster,
          virtual_hosts: [
            {
              name: `inbound|http|${application}`,
              domains: ['*'],
              routes: [
                {
                  name: 'default',
                  match: { prefix: '/' },
                  route: { cluster, timeout: duration(0), retry_policy: inboundRetryPolicy() },
                },
              ],
            },
          ],
          validate_clusters: bool(false),
        },
      },
      rbac: httpPolicyFilters(snapshot, workload, application),
      accessLogs: accessLogs(snapshot, workload, 'SERVER'),
      istioFilters: node.dataPlane === 'weft',
      settings: snapshot.settings,
    }),
  ];
}

function tcpFilters({ context, workload, application, cluster }: InboundPort): Filter[] {
  const { snapshot, node } = context;
  const logs = accessLogs(snapshot, workload, 'SERVER');
  return [
    ...networkPolicyFilters(snapshot, workload, application),
    ...(node.dataPlane === 'weft' ? [{ name: 'istio.stats', typed_config: any(EXTENSION.istioStats) }] : []),
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: any(EXTENSION.tcpProxy, {
        stat_prefix: cluster,
        cluster,
        ...(logs.length > 0 && { access_log: logs }),
      }),
    },
  ];
}
