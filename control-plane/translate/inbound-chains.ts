import { MESH_ALPN, MESH_TCP_ALPN } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { TransportSocket } from '../../proto/gen/envoy/config/core/v3/TransportSocket.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { FilterChain } from '../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { FilterChainMatch } from '../../proto/gen/envoy/config/listener/v3/FilterChainMatch.js';
import type { ServerTlsSettings } from '../api/kinds/gateway.js';
import type { MtlsMode } from '../model/peer-authentication.js';
import { applicationPort, isHttp, type Protocol, type Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { workloadKey } from '../model/workloads.js';
import { accessLogs } from './access-log.js';
import {
  httpCustomFilters,
  httpPolicyFilters,
  networkCustomFilters,
  networkPolicyFilters,
} from './authorization-filters.js';
import { connectionManager } from './connection-manager.js';
import type { ProxyContext } from './context.js';
import { serverSocket } from './gateway/server-tls.js';
import { ingressTls } from './ingress.js';
import { any, bool, duration, meshRoots, ownCertificate } from './messages.js';
import { tokenFilters } from './request-authentication.js';
import { inboundRetryPolicy } from './retry.js';
import { statsFields } from './stats-config.js';
import { tcpStats } from './tcp-filters.js';
import { tracingFields } from './tracing.js';
import { serverAlpn, trustDomainMatchers } from './upstream-tls.js';

/** Application ports behind a sidecar: one of them, or all that have no chains of their own. */
export interface InboundPort {
  readonly context: ProxyContext;
  readonly workload: Workload;
  /** Undefined for those that no service names. */
  readonly application: number | undefined;
  readonly protocol: Protocol;
  readonly cluster: string;
  /** What the names of the filter chains begin with. */
  readonly chainName: string;
  readonly statPrefix: string;
  /** What all chains ask for, where a listener serves several ports. */
  readonly match: FilterChainMatch;
}

/** The filter chains of a port: mesh TLS, plain text and the application's own TLS, as far as its mode lets them in. */
export function inboundChains(port: InboundPort, mode: MtlsMode): FilterChain[] {
  const tls = ingressTls(port.context, port.workload, port.application);
  if (tls !== undefined) return [endedTlsChain(port, tls)];
  const chains: FilterChain[] = [];
  if (mode !== 'disable') chains.push(...meshChains(port));
  if (mode !== 'strict') chains.push(...plainChains(port, mode));
  if (mode === 'permissive') chains.push(foreignTlsChain(port));
  return chains;
}

/** A client that takes an undeclared port for TCP says so by its ALPN. */
function meshChains(port: InboundPort): FilterChain[] {
  const chain = (name: string, protocols: readonly string[], filters: Filter[], alpn: string[]): FilterChain => ({
    name: `${port.chainName}-${name}`,
    filter_chain_match: { ...port.match, transport_protocol: 'tls', application_protocols: [...protocols] },
    transport_socket: meshSocket(port, alpn),
    filters,
  });
  const alpn = serverAlpn(port.protocol, port.context.node.dataPlane === 'weft');
  if (port.protocol === 'tcp' || port.protocol === 'tls') return [chain('mtls', ALL_MESH, tcpFilters(port), alpn)];
  if (port.protocol !== 'auto') return [chain('mtls', ALL_MESH, httpFilters(port), alpn)];
  return [
    chain('mtls', HTTP_MESH, httpFilters(port), alpn),
    chain('mtls-tcp', TCP_MESH, tcpFilters(port), [MESH_TCP_ALPN, MESH_ALPN]),
  ];
}

/** ALPN by which mesh clients mark their TLS; the others are what clients under Istio send. */
const HTTP_MESH = [MESH_ALPN, 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'] as const;
const TCP_MESH = [MESH_TCP_ALPN, 'istio-peer-exchange'] as const;
const ALL_MESH = [...HTTP_MESH, ...TCP_MESH] as const;

/** With mTLS off nothing looks for TLS: whatever comes is the application's. */
function plainChains(port: InboundPort, mode: MtlsMode): FilterChain[] {
  const { chainName, protocol } = port;
  const match = { ...port.match, ...(mode !== 'disable' && { transport_protocol: 'raw_buffer' }) };
  const tcp = (name: string): FilterChain => ({ name, filter_chain_match: match, filters: tcpFilters(port) });
  const http = (name: string, extra: object): FilterChain => ({
    name,
    filter_chain_match: { ...match, ...extra },
    filters: httpFilters(port),
  });
  if (protocol === 'tcp' || protocol === 'tls') return [tcp(`${chainName}-plain`)];
  if (protocol !== 'auto') return [http(`${chainName}-plain`, {})];
  const detected = port.application === undefined ? { transport_protocol: 'raw_buffer' } : {};
  return [
    // Where TLS is looked for on account of other ports, its ALPN must not be taken for what is spoken.
    http(`${chainName}-plain-http`, { ...detected, application_protocols: ['http/1.0', 'http/1.1', 'h2c'] }),
    tcp(`${chainName}-plain-tcp`),
  ];
}

/** TLS of clients outside of the mesh that ends here (a Sidecar's `ingress[].tls`). */
function endedTlsChain(port: InboundPort, tls: ServerTlsSettings): FilterChain {
  const http = isHttp(port.protocol);
  return {
    name: `${port.chainName}-tls`,
    filter_chain_match: { ...port.match, transport_protocol: 'tls' },
    transport_socket: serverSocket(tls, http ? ['h2', 'http/1.1'] : [], port.context.snapshot.settings),
    filters: http ? httpFilters(port) : tcpFilters(port),
  };
}

/** TLS that is the application's own. */
function foreignTlsChain(port: InboundPort): FilterChain {
  return {
    name: `${port.chainName}-tls-passthrough`,
    filter_chain_match: { ...port.match, transport_protocol: 'tls' },
    filters: tcpFilters(port),
  };
}

function meshSocket({ context }: InboundPort, alpn: string[]): TransportSocket {
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
        alpn_protocols: alpn,
      },
      require_client_certificate: bool(true),
    }),
  };
}

function httpFilters({ context, workload, application, protocol, cluster, statPrefix }: InboundPort): Filter[] {
  const { snapshot, node } = context;
  const tracing = tracingFields(context, 'SERVER');
  const operation = tracing.tracing && serviceOf(snapshot, workload, application);
  return [
    connectionManager({
      direction: 'inbound',
      statPrefix,
      routes: {
        route_config: {
          name: cluster,
          virtual_hosts: [
            {
              name: `inbound|http|${application ?? 0}`,
              domains: ['*'],
              routes: [
                {
                  name: 'default',
                  match: { prefix: '/' },
                  route: { cluster, timeout: duration(0), retry_policy: inboundRetryPolicy() },
                  ...(operation !== undefined && { decorator: { operation: `${operation}/*` } }),
                },
              ],
            },
          ],
          validate_clusters: bool(false),
        },
      },
      custom: httpCustomFilters(context, workload, application),
      rbac: [...tokenFilters(context, workload), ...httpPolicyFilters(snapshot, workload, application)],
      accessLogs: accessLogs(context, workload, 'SERVER'),
      tracing,
      metrics: statsFields(context, 'SERVER'),
      istioFilters: node.dataPlane === 'weft',
      grpcWeb: protocol === 'grpc-web',
      settings: snapshot.settings,
    }),
  ];
}

function tcpFilters({ context, workload, application, cluster }: InboundPort): Filter[] {
  const { snapshot } = context;
  const logs = accessLogs(context, workload, 'SERVER');
  return [
    ...networkCustomFilters(context, workload, application),
    ...networkPolicyFilters(snapshot, workload, application),
    ...tcpStats(context, 'SERVER'),
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

/** `HOST:PORT` of the service behind a port, which names spans of clients that have no sidecar. */
function serviceOf(snapshot: MeshSnapshot, workload: Workload, application: number | undefined): string | undefined {
  for (const { service, endpoint } of snapshot.servicesOf.get(workloadKey(workload)) ?? []) {
    const port = service.ports.find((one) => applicationPort(one, endpoint) === application);
    if (port !== undefined) return `${service.host}:${port.number}`;
  }
  return undefined;
}
