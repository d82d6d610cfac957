import type { KeyKind } from '../../common/identity/keys.js';
import { joinAddress } from '../../common/runtime/address.js';
import { localCluster } from '../../common/xds/bootstrap.js';
import { SDS_CLUSTER } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';

/** What the agent reads of the bootstrap that the control plane makes for our own sidecar. */
export interface SidecarBootstrap {
  /** Set when the sidecar is told where the others of its kind are. */
  readonly cluster_manager?: object;
  readonly node: {
    readonly metadata: {
      readonly NAMESPACE: string;
      readonly SERVICE_ACCOUNT: string;
      readonly TRUST_DOMAIN: string;
      readonly CA_ADDR: string;
      readonly CA_ROOT_CERT: string;
      readonly TOKEN_PATH: string;
      readonly CERT_TTL_SECONDS: number;
      readonly CERT_KEY?: KeyKind;
    };
  };
  readonly static_resources: {
    readonly clusters: readonly {
      readonly load_assignment: {
        readonly endpoints: readonly {
          readonly lb_endpoints: readonly {
            readonly endpoint: {
              readonly address: { readonly socket_address: { readonly address: string; readonly port_value: number } };
            };
          }[];
        }[];
      };
    }[];
  };
}

/** `host:port` of the xDS server, which need not be the CA's. */
export function xdsAddress({ static_resources: { clusters } }: SidecarBootstrap): string {
  const endpoint = clusters[0]?.load_assignment.endpoints[0]?.lb_endpoints[0]?.endpoint.address.socket_address;
  if (endpoint === undefined) throw new Error('the bootstrap does not say where the xDS server is');
  return joinAddress(endpoint.address, endpoint.port_value);
}

const XDS_CLUSTER = 'xds-grpc';

/** A bootstrap that was made here for a pod, which has the same metadata. */
export function sidecarBootstrap(bootstrap: object): SidecarBootstrap {
  return bootstrap as SidecarBootstrap;
}

/** The same bootstrap for a real Envoy: xDS and secrets come from the agent's socket, which needs no credentials. */
export function envoyBootstrap(sidecar: SidecarBootstrap, socketPath: string): object {
  const clusters = [
    ...[XDS_CLUSTER, SDS_CLUSTER].map((name) => socketCluster(name, socketPath)),
    ...(sidecar.cluster_manager === undefined ? [] : [localCluster()]),
  ];
  // Envoy keeps a user agent that it finds here, and is to be known as what it is: it has none of our own filters.
  return { ...sidecar, node: { ...sidecar.node, user_agent_name: 'envoy' }, static_resources: { clusters } };
}

function socketCluster(name: string, path: string): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': EXTENSION.httpProtocolOptions,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}
