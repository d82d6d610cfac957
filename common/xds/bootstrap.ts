import { isIP } from 'node:net';
import { CONTROL_PLANE_NAME, LOCAL_CLUSTER } from './names.js';
import { EXTENSION } from './type-urls.js';

/** Cluster by which a bootstrap refers to the control plane. */
const XDS_CLUSTER = 'xds-grpc';

/**
 * The parts of a bootstrap by which a sidecar finds the control plane at `host:port`; `rootPath` is the PEM that vouches for it.
 * `knowsItself` adds the cluster by which zones are weighed.
 */
export function controlPlaneResources(address: string, rootPath: string, knowsItself = false): object {
  return {
    ...(knowsItself && { cluster_manager: { local_cluster_name: LOCAL_CLUSTER } }),
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
    static_resources: { clusters: [xdsCluster(address, rootPath), ...(knowsItself ? [localCluster()] : [])] },
  };
}

/** The endpoints of {@link LOCAL_CLUSTER} come by ADS. */
export function localCluster(): object {
  return {
    name: LOCAL_CLUSTER,
    type: 'EDS',
    connect_timeout: '1s',
    eds_cluster_config: { eds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' } },
  };
}

export function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}

/** A time of draining for node metadata, which take no 0: it means at once there. */
export function drainSeconds(ms: number): number {
  return Math.max(ms, 1) / 1000;
}

function xdsCluster(controlPlane: string, rootPath: string): object {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(controlPlane) ?? [];
  const named = isIP(host) === 0;
  // The same root signs every workload: one that got hold of the address must not be given our token.
  const names = [...new Set([CONTROL_PLANE_NAME, ...(named ? [host] : [])])];
  return {
    name: XDS_CLUSTER,
    type: named ? 'STRICT_DNS' : 'STATIC',
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
        sni: named ? host : CONTROL_PLANE_NAME,
        common_tls_context: {
          validation_context: {
            trusted_ca: { filename: rootPath },
            match_typed_subject_alt_names: names.map((exact) => ({ san_type: 'DNS', matcher: { exact } })),
          },
        },
      },
    },
  };
}
