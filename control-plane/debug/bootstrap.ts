import { CONTROL_PLANE_NAME } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import { ownPorts } from '../model/allotment.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import type { Workload } from '../model/service.js';

/** Where a sidecar finds the control plane and its own credentials. */
export interface BootstrapEnvironment {
  /** `host:port` of xDS and CA over TLS. */
  readonly xdsAddress: string;
  /** Path of the PEM root. */
  readonly rootCertificate: string;
  readonly tokenPath: string;
  readonly certTtlSeconds: number;
}

/** Cluster by which a bootstrap refers to the control plane. */
const XDS_CLUSTER = 'xds-grpc';

/**
 * The Envoy bootstrap with which our sidecar joins the mesh as `workload`. Throws an Error for a workload without a
 * sidecar that has ports of its own.
 */
export function buildBootstrap(workload: Workload, settings: MeshSettings, environment: BootstrapEnvironment): object {
  const sidecar = ownPorts(workload.sidecar);
  if (sidecar === undefined) throw new Error(`${workload.namespace}/${workload.name} has no sidecar`);
  return {
    node: buildNode(workload, settings, environment),
    admin: { address: socketAddress(sidecar.address, sidecar.admin) },
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
    static_resources: { clusters: [xdsCluster(environment)] },
  };
}

export function buildNode(workload: Workload, settings: MeshSettings, environment: BootstrapEnvironment): object {
  const { namespace, name, labels } = workload;
  const [region = '', zone = '', subZone = ''] = workload.locality.split('/');
  return {
    id: `${ownPorts(workload.sidecar)?.gateway === true ? 'router' : 'sidecar'}~${workload.address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels['app'] ?? name}.${namespace}`,
    ...(region === '' ? {} : { locality: { region, zone, sub_zone: subZone } }),
    user_agent_name: 'weft',
    metadata: {
      NAMESPACE: namespace,
      WORKLOAD_NAME: name,
      SERVICE_ACCOUNT: workload.serviceAccount,
      LABELS: labels,
      CLUSTER_ID: 'local',
      MESH_ID: settings.trustDomain,
      TRUST_DOMAIN: settings.trustDomain,
      CA_ADDR: environment.xdsAddress,
      CA_ROOT_CERT: environment.rootCertificate,
      TOKEN_PATH: environment.tokenPath,
      CERT_TTL_SECONDS: environment.certTtlSeconds,
      DRAIN_SECONDS: drainSeconds(settings.terminationDrainMs),
      LISTENER_DRAIN_SECONDS: drainSeconds(settings.listenerDrainMs),
    },
  };
}

/** A sidecar takes no 0, which means at once. */
function drainSeconds(ms: number): number {
  return Math.max(ms, 1) / 1000;
}

function xdsCluster(environment: BootstrapEnvironment): object {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(environment.xdsAddress) ?? [];
  return {
    name: XDS_CLUSTER,
    type: 'STATIC',
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
        sni: CONTROL_PLANE_NAME,
        common_tls_context: {
          validation_context: {
            trusted_ca: { filename: environment.rootCertificate },
            // The same root signs every workload: one that got hold of the port must not be given our token.
            match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: CONTROL_PLANE_NAME } }],
          },
        },
      },
    },
  };
}

function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
