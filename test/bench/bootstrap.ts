import type { Identity } from './identities.js';

/**
 * Whose program reads the file: Istio's own filters are in ours alone, Envoy as PyPI has it does without their cost.
 * Between sidecars `envoy` speaks HTTP/1.1, as Istio runs it, and `envoy-h2` HTTP/2.
 */
export type Kind = 'weft' | 'envoy' | 'envoy-h2';

/** One proxy's place: where it listens, and where it sends to. */
export interface Place {
  readonly kind: Kind;
  readonly port: number;
  readonly admin: number;
  readonly upstream: number;
}

type Direction = 'INBOUND' | 'OUTBOUND';
type Json = Readonly<Record<string, unknown>>;

const HTTP_FILTERS = 'type.googleapis.com/envoy.extensions.filters.http';
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

/** What the application speaks: HTTP/1.1, or HTTP/2 in plain text as gRPC does. Listeners take either. */
export type Speaks = 'http1' | 'http2';

/** Plain HTTP/1.1 in and out, with the listener, routes and cluster that a client's sidecar has. */
export function relayBootstrap(place: Place): Json {
  return bootstrap(place, { direction: 'OUTBOUND' });
}

/** The same with HTTP/2 on both sides, by prior knowledge. */
export function h2RelayBootstrap(place: Place): Json {
  return bootstrap(place, { direction: 'OUTBOUND', upstreamHttp: HOP_OPTIONS['envoy-h2'] });
}

/** A client's sidecar: plain in, mTLS out to the server's sidecar. */
export function clientBootstrap(place: Place, own: Identity, serverUri: string): Json {
  const sni = 'outbound_.9080_._.echo.default.svc.cluster.local';
  const context = { sni, ...commonTls(serverUri, true, place.kind) };
  const upstreamTls = socket('UpstreamTlsContext', context);
  return bootstrap(place, { direction: 'OUTBOUND', own, upstreamTls, upstreamHttp: HOP_OPTIONS[place.kind] });
}

/** A server's sidecar: mTLS in, plain out to the application. */
export function serverBootstrap(place: Place, own: Identity, clientUri: string, speaks: Speaks = 'http1'): Json {
  const context = { ...commonTls(clientUri, false, place.kind), require_client_certificate: true };
  const downstreamTls = socket('DownstreamTlsContext', context);
  const upstreamHttp = speaks === 'http2' ? { upstreamHttp: HOP_OPTIONS['envoy-h2'] } : {};
  return bootstrap(place, { direction: 'INBOUND', own, downstreamTls, ...upstreamHttp });
}

interface Sidecar {
  readonly direction: Direction;
  readonly own?: Identity;
  readonly downstreamTls?: Json;
  readonly upstreamTls?: Json;
  /** Of HttpProtocolOptions. */
  readonly upstreamHttp?: Json;
}

function bootstrap(place: Place, sidecar: Sidecar): Json {
  const { direction, own, downstreamTls } = sidecar;
  const clusters = direction === 'OUTBOUND' ? ['echo', 'other'] : ['echo'];
  const id = 'sidecar~127.0.0.1~bench.default~default.svc.cluster.local';
  const filters = [connectionManager(place.kind, direction)];
  return {
    node: { id, cluster: 'bench', metadata: { NAME: 'bench', NAMESPACE: 'default' } },
    admin: { address: address(place.admin) },
    static_resources: {
      listeners: [
        {
          name: `127.0.0.1_${place.port}`,
          traffic_direction: direction,
          address: address(place.port),
          filter_chains: [{ filters, ...(downstreamTls !== undefined && { transport_socket: downstreamTls }) }],
        },
      ],
      clusters: clusters.map((name) => cluster(name, place, sidecar)),
      ...(own !== undefined && { secrets: secrets(own) }),
    },
  };
}

function address(port: number): Json {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function connectionManager(kind: Kind, direction: Direction): Json {
  const inbound = direction === 'INBOUND';
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: 'bench',
      server_name: 'istio-envoy',
      server_header_transformation: inbound ? 'APPEND_IF_ABSENT' : 'PASS_THROUGH',
      use_remote_address: false,
      generate_request_id: true,
      forward_client_cert_details: inbound ? 'APPEND_FORWARD' : 'SANITIZE',
      ...(inbound && { set_current_client_cert_details: { subject: true, dns: true, uri: true } }),
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      stream_idle_timeout: '0s',
      normalize_path: true,
      http_filters: httpFilters(kind, inbound),
      route_config: inbound ? inboundRoutes : outboundRoutes,
    },
  };
}

/** The list that the control plane gives a sidecar. */
function httpFilters(kind: Kind, inbound: boolean): Json[] {
  const headers = [{ istio_headers: {} }];
  const metadata = {
    name: 'istio.metadata_exchange',
    typed_config: {
      '@type': 'type.googleapis.com/io.istio.http.peer_metadata.Config',
      ...(inbound
        ? { downstream_discovery: headers, downstream_propagation: headers }
        : { upstream_discovery: headers, upstream_propagation: headers }),
    },
  };
  const stats = { name: 'istio.stats', typed_config: { '@type': 'type.googleapis.com/stats.PluginConfig' } };
  const filter = (name: string, type: string): Json => ({
    name: `envoy.filters.http.${name}`,
    typed_config: { '@type': `${HTTP_FILTERS}.${type}` },
  });
  const istio = kind === 'weft';
  return [
    ...(istio ? [metadata] : []),
    filter('fault', 'fault.v3.HTTPFault'),
    filter('cors', 'cors.v3.Cors'),
    ...(istio ? [stats] : []),
    filter('router', 'router.v3.Router'),
  ];
}

const RETRIES = {
  retry_on: 'connect-failure,refused-stream,unavailable,cancelled',
  num_retries: 2,
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
      },
    },
  ],
  host_selection_retry_max_attempts: '5',
};

const outboundRoutes = {
  name: 'http_proxy',
  virtual_hosts: [
    {
      name: 'echo.default.svc.cluster.local:9080',
      domains: ['echo:9080', 'echo.default:9080', 'echo.default.svc:9080', 'echo.default.svc.cluster.local:9080'],
      routes: [
        {
          match: { prefix: '/', headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] },
          route: { cluster: 'other', timeout: '0s', retry_policy: RETRIES },
        },
        { match: { prefix: '/' }, route: { cluster: 'echo', timeout: '0s', retry_policy: RETRIES } },
      ],
    },
  ],
};

const inboundRoutes = {
  name: 'inbound|9080||',
  virtual_hosts: [
    {
      name: 'inbound|http|9080',
      domains: ['*'],
      routes: [{ name: 'default', match: { prefix: '/' }, route: { cluster: 'echo', timeout: '0s' } }],
    },
  ],
};

const MANY = 100_000;

function cluster(name: string, { upstream }: Place, { upstreamTls: tls, upstreamHttp: http }: Sidecar): Json {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: {
      thresholds: [{ max_connections: MANY, max_pending_requests: MANY, max_requests: MANY, max_retries: MANY }],
    },
    ...(tls !== undefined && { transport_socket: tls }),
    ...(http !== undefined && { typed_extension_protocol_options: protocolOptions(http) }),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
    },
  };
}

/** As the control plane has it: between two of ours ALPN chooses, Envoy keeps to Istio's HTTP/1.1 unless told otherwise. */
const HOP_OPTIONS: Readonly<Record<Kind, Json>> = {
  weft: { auto_config: { http_protocol_options: {}, http2_protocol_options: {} } },
  envoy: { explicit_http_config: { http_protocol_options: {} } },
  'envoy-h2': { explicit_http_config: { http2_protocol_options: {} } },
};

const HOP_ALPN: Readonly<Record<Kind, readonly string[]>> = {
  weft: ['h2', 'http/1.1'],
  envoy: ['http/1.1'],
  'envoy-h2': ['h2'],
};

function protocolOptions(options: Json): Json {
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return { [name]: { '@type': `type.googleapis.com/${name}`, ...options } };
}

function socket(type: 'UpstreamTlsContext' | 'DownstreamTlsContext', context: Json): Json {
  return { name: 'envoy.transport_sockets.tls', typed_config: { '@type': `${TLS}.${type}`, ...context } };
}

/** Under the names by which a mesh's sidecars ask for them: that tells our sidecar that a connection is the mesh's. */
function secrets(own: Identity): Json[] {
  return [
    {
      name: 'default',
      tls_certificate: {
        certificate_chain: { inline_string: own.certificate },
        private_key: { inline_string: own.privateKey },
      },
    },
    { name: 'ROOTCA', validation_context: { trusted_ca: { inline_string: own.root } } },
  ];
}

function commonTls(peerUri: string, client: boolean, kind: Kind): Json {
  const carried = HOP_ALPN[kind];
  return {
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      tls_certificate_sds_secret_configs: [{ name: 'default' }],
      combined_validation_context: {
        default_validation_context: {
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peerUri } }],
        },
        validation_context_sds_secret_config: { name: 'ROOTCA' },
      },
      alpn_protocols: client ? ['istio', ...carried] : [...carried, 'istio'],
    },
  };
}
