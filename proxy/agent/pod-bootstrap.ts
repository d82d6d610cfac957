import { isIP } from 'node:net';
import { CONTROL_PLANE_NAME } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { PodSettings } from './pod-environment.js';

const XDS_CLUSTER = 'xds-grpc';

/** The Envoy bootstrap of a proxy in a pod: node, admin port, and the way to the control plane. */
export function podBootstrap(settings: PodSettings): object {
  return {
    node: node(settings),
    admin: { address: socketAddress(isIP(settings.ip) === 6 ? '::1' : '127.0.0.1', settings.ports.admin) },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: XDS_CLUSTER } }],
      },
      lds_config: { ads: {}, resource_api_version: 'V3' },
      cds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: { clusters: [xdsCluster(settings)] },
  };
}

/** Identity as Istio's control plane reads it: `sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local`. */
function node(settings: PodSettings): object {
  const { role, ip, pod, namespace, domain, labels, metadata, drain } = settings;
  const workload = textOf(metadata['WORKLOAD_NAME']) || pod;
  return {
    id: `${role}~${ip}~${pod}.${namespace}~${domain}`,
    cluster: `${labels['app'] ?? workload}.${namespace}`,
    user_agent_name: 'weft',
    metadata: {
      CLUSTER_ID: 'Kubernetes',
      WORKLOAD_NAME: workload,
      ...metadata,
      NAME: pod,
      NAMESPACE: namespace,
      SERVICE_ACCOUNT: settings.serviceAccount,
      LABELS: labels,
      TRUST_DOMAIN: settings.trustDomain,
      CA_ADDR: settings.controlPlane,
      CA_ROOT_CERT: settings.rootPath,
      TOKEN_PATH: settings.tokenPath,
      CERT_TTL_SECONDS: settings.certTtlSeconds,
      // A bootstrap takes no 0, which means at once.
      DRAIN_SECONDS: Math.max(drain.terminationMs, 1) / 1000,
      LISTENER_DRAIN_SECONDS: Math.max(drain.listenerMs, 1) / 1000,
    },
  };
}

function xdsCluster({ controlPlane, rootPath }: PodSettings): object {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(controlPlane) ?? [];
  return {
    name: XDS_CLUSTER,
    type: isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: XDS_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, Number(port)) } }] }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': EXTENSION.httpProtocolOptions,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': EXTENSION.upstreamTls,
        sni: isIP(host) === 0 ? host : CONTROL_PLANE_NAME,
        common_tls_context: {
          validation_context: {
            trusted_ca: { filename: rootPath },
            // The same root signs every workload: one that got hold of the address must not be given our token.
            match_typed_subject_alt_names: [...new Set([CONTROL_PLANE_NAME, ...(isIP(host) === 0 ? [host] : [])])].map(
              (exact) => ({ san_type: 'DNS', matcher: { exact } }),
            ),
          },
        },
      },
    },
  };
}

function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
