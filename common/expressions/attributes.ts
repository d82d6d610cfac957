/** Types of attributes, as the Common Expression Language names them. */
export type AttributeType =
  | 'string'
  | 'int'
  | 'bool'
  | 'dyn'
  | 'map<string, string>'
  | 'google.protobuf.Timestamp'
  | 'google.protobuf.Duration';

const TLS = {
  tls_version: 'string',
  subject_local_certificate: 'string',
  subject_peer_certificate: 'string',
  dns_san_local_certificate: 'string',
  dns_san_peer_certificate: 'string',
  uri_san_local_certificate: 'string',
  uri_san_peer_certificate: 'string',
  sha256_peer_certificate_digest: 'string',
} as const satisfies Readonly<Record<string, AttributeType>>;

/**
 * What expressions may name: Envoy's attributes (intro/arch_overview/advanced/attributes), and `node` and the peers as
 * Istio's metrics have them.
 */
export const ATTRIBUTES = {
  request: {
    path: 'string',
    url_path: 'string',
    query: 'string',
    host: 'string',
    scheme: 'string',
    method: 'string',
    headers: 'map<string, string>',
    referer: 'string',
    useragent: 'string',
    time: 'google.protobuf.Timestamp',
    id: 'string',
    protocol: 'string',
    duration: 'google.protobuf.Duration',
    size: 'int',
    total_size: 'int',
  },
  response: {
    code: 'int',
    code_details: 'string',
    flags: 'int',
    grpc_status: 'int',
    headers: 'map<string, string>',
    trailers: 'map<string, string>',
    size: 'int',
    total_size: 'int',
    backend_latency: 'google.protobuf.Duration',
  },
  source: { address: 'string', port: 'int' },
  destination: { address: 'string', port: 'int' },
  connection: {
    ...TLS,
    id: 'int',
    mtls: 'bool',
    requested_server_name: 'string',
    transport_failure_reason: 'string',
    termination_details: 'string',
  },
  upstream: {
    ...TLS,
    address: 'string',
    port: 'int',
    local_address: 'string',
    transport_failure_reason: 'string',
    request_attempt_count: 'int',
    locality: 'dyn',
  },
  xds: {
    node: 'dyn',
    cluster_name: 'string',
    cluster_metadata: 'dyn',
    listener_direction: 'int',
    listener_metadata: 'dyn',
    route_name: 'string',
    route_metadata: 'dyn',
    virtual_host_name: 'string',
    virtual_host_metadata: 'dyn',
    upstream_host_metadata: 'dyn',
    filter_chain_name: 'string',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, AttributeType>>>>;

export type AttributeRoot = keyof typeof ATTRIBUTES;

/** Names of whose members nobody knows more than that there may be some. */
export const OPEN_ROOTS = [
  'metadata',
  'filter_state',
  'upstream_filter_state',
  'node',
  'upstream_peer',
  'downstream_peer',
] as const;

export type OpenRoot = (typeof OPEN_ROOTS)[number];
