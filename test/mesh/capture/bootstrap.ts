import { SECRET_DEFAULT } from '../../../common/xds/names.js';

/** What a pod of this test has: an identity, and the addresses of the one that serves. */
export interface PodIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly roots: string;
  readonly server4: string;
  readonly server6: string;
  /** Inbound comes by TPROXY. */
  readonly transparent?: boolean;
}

const TYPES = 'type.googleapis.com/envoy';
const HTTP = 8080;
const GREETER = 3306;
/** A service's address and port in front of each. */
export const SERVICE = { v4: '10.96.7.1', v6: 'fd00:96::1', http: 80, greeter: 3306 };

type Json = Record<string, unknown>;

const any = (type: string, fields: Json): Json => ({ '@type': `${TYPES}.${type}`, ...fields });
const address = (ip: string, port: number): Json => ({ socket_address: { address: ip, port_value: port } });

function tls(identity: PodIdentity, side: 'Upstream' | 'Downstream', alpn: readonly string[]): Json {
  const common_tls_context = {
    tls_certificates: [
      {
        certificate_chain: { inline_string: identity.certificateChain },
        private_key: { inline_string: identity.privateKey },
      },
    ],
    validation_context: { trusted_ca: { inline_string: identity.roots } },
    alpn_protocols: alpn,
  };
  const fields = side === 'Upstream' ? { sni: SECRET_DEFAULT } : { require_client_certificate: true };
  return {
    name: 'tls',
    typed_config: any(`extensions.transport_sockets.tls.v3.${side}TlsContext`, { common_tls_context, ...fields }),
  };
}

function tcpProxy(cluster: string): Json {
  return {
    name: 'tcp',
    typed_config: any('extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: cluster, cluster }),
  };
}

function http(direction: 'in' | 'out', cluster: string): Json {
  const route_config = {
    virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] }],
  };
  const router = { name: 'router', typed_config: any('extensions.filters.http.router.v3.Router', {}) };
  return {
    name: 'http',
    typed_config: any('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: direction,
      http_filters: [router],
      route_config,
      ...(direction === 'in' && {
        forward_client_cert_details: 'APPEND_FORWARD',
        set_current_client_cert_details: { uri: true },
      }),
    }),
  };
}

const filter = (name: string, type: string): Json => ({
  name,
  typed_config: any(`extensions.filters.listener.${type}`, {}),
});
const ORIGINAL_DST = filter('original_dst', 'original_dst.v3.OriginalDst');
const TLS_INSPECTOR = filter('tls_inspector', 'tls_inspector.v3.TlsInspector');
const HTTP_INSPECTOR = filter('http_inspector', 'http_inspector.v3.HttpInspector');

/** The listeners and clusters that a control plane gives to a pod, cut to what the test sends through them. */
export function captureBootstrap(identity: PodIdentity): Json {
  return {
    node: { id: 'pod', cluster: 'pod' },
    admin: { address: address('127.0.0.1', 15000) },
    static_resources: { listeners: [...outbound(), inbound(identity)], clusters: clusters(identity) },
  };
}

function outbound(): Json[] {
  const toService = (name: string, ip: string, port: number, chain: Json, filters: readonly Json[] = []): Json => ({
    name,
    address: address(ip, port),
    bind_to_port: false,
    traffic_direction: 'OUTBOUND',
    listener_filters: filters,
    filter_chains: [chain],
  });
  const httpChain = (cluster: string): Json => ({
    filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: ['http/1.0', 'http/1.1', 'h2c'] },
    filters: [http('out', cluster)],
  });
  return [
    {
      name: 'virtualOutbound',
      address: address('0.0.0.0', 15001),
      additional_addresses: [{ address: address('::', 15001) }],
      use_original_dst: true,
      traffic_direction: 'OUTBOUND',
      filter_chains: [
        { name: 'blackhole', filter_chain_match: { destination_port: 15001 }, filters: [tcpProxy('BlackHoleCluster')] },
        { name: 'catchall', filters: [tcpProxy('PassthroughCluster')] },
      ],
    },
    toService('0.0.0.0_80', '0.0.0.0', SERVICE.http, httpChain('http4'), [TLS_INSPECTOR, HTTP_INSPECTOR]),
    toService('::_80', '::', SERVICE.http, httpChain('http6'), [TLS_INSPECTOR, HTTP_INSPECTOR]),
    toService('greeter4', SERVICE.v4, SERVICE.greeter, { filters: [tcpProxy('greeter4')] }),
    toService('greeter6', SERVICE.v6, SERVICE.greeter, { filters: [tcpProxy('greeter6')] }),
  ];
}

function inbound(identity: PodIdentity): Json {
  const transport_socket = tls(identity, 'Downstream', ['istio', 'http/1.1']);
  const mesh = { transport_protocol: 'tls', application_protocols: ['istio'] };
  const chain = (name: string, match: Json, filters: Json[], rest: Json = {}): Json => ({
    name,
    filter_chain_match: match,
    filters,
    ...rest,
  });
  return {
    name: 'virtualInbound',
    address: address('0.0.0.0', 15006),
    additional_addresses: [{ address: address('::', 15006) }],
    traffic_direction: 'INBOUND',
    ...(identity.transparent === true && { transparent: true }),
    listener_filters: [ORIGINAL_DST, TLS_INSPECTOR],
    listener_filters_timeout: '1s',
    continue_on_listener_filters_timeout: true,
    filter_chains: [
      chain('blackhole', { destination_port: 15006 }, [tcpProxy('BlackHoleCluster')]),
      chain('http-mtls', { ...mesh, destination_port: HTTP }, [http('in', 'inbound')], { transport_socket }),
      chain('tcp-mtls', { ...mesh, destination_port: GREETER }, [tcpProxy('inbound')], { transport_socket }),
      chain('others-plain', { transport_protocol: 'raw_buffer' }, [tcpProxy('inbound')]),
      chain('others-tls', { transport_protocol: 'tls' }, [tcpProxy('inbound')]),
    ],
  };
}

function clusters(identity: PodIdentity): Json[] {
  const transport_socket = tls(identity, 'Upstream', ['istio']);
  const to = (name: string, ip: string, port: number): Json => ({
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    transport_socket,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(ip, port) } }] }],
    },
  });
  const original = { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', connect_timeout: '5s' };
  const source = (ip: string): Json => ({ address: ip, port_value: 0 });
  const upstream_bind_config = {
    source_address: source('127.0.0.6'),
    extra_source_addresses: [{ address: source('::6') }],
  };
  return [
    to('http4', identity.server4, HTTP),
    to('http6', identity.server6, HTTP),
    to('greeter4', identity.server4, GREETER),
    to('greeter6', identity.server6, GREETER),
    { name: 'inbound', ...original, upstream_bind_config },
    { name: 'PassthroughCluster', ...original },
    { name: 'BlackHoleCluster', type: 'STATIC', connect_timeout: '5s' },
  ];
}
