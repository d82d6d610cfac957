/** Type URLs of the resources and extensions that we send or understand. */
const PREFIX = 'type.googleapis.com/';

export const TYPE = {
  listener: `${PREFIX}envoy.config.listener.v3.Listener`,
  route: `${PREFIX}envoy.config.route.v3.RouteConfiguration`,
  cluster: `${PREFIX}envoy.config.cluster.v3.Cluster`,
  endpoint: `${PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  secret: `${PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret`,
  /** Istio's own (NDS): what a sidecar's DNS proxy answers. */
  nameTable: `${PREFIX}istio.networking.nds.v1.NameTable`,
  /** Our own: roots, and who signs. */
  trustBundle: `${PREFIX}weft.ca.v1.TrustBundle`,
} as const;

/** Type URL of one of the resource types. */
export type ResourceTypeUrl = (typeof TYPE)[keyof typeof TYPE];

export const EXTENSION = {
  httpConnectionManager: `${PREFIX}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
  tcpProxy: `${PREFIX}envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`,
  networkRbac: `${PREFIX}envoy.extensions.filters.network.rbac.v3.RBAC`,
  sniDynamicForwardProxy: `${PREFIX}envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig`,
  sniCluster: `${PREFIX}envoy.extensions.filters.network.sni_cluster.v3.SniCluster`,
  connectionLimit: `${PREFIX}envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit`,
  httpLocalRateLimit: `${PREFIX}envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`,
  httpBuffer: `${PREFIX}envoy.extensions.filters.http.buffer.v3.Buffer`,
  httpBufferPerRoute: `${PREFIX}envoy.extensions.filters.http.buffer.v3.BufferPerRoute`,
  headerMutation: `${PREFIX}envoy.extensions.filters.http.header_mutation.v3.HeaderMutation`,
  headerMutationPerRoute: `${PREFIX}envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute`,
  networkLocalRateLimit: `${PREFIX}envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit`,
  setFilterState: `${PREFIX}envoy.extensions.filters.network.set_filter_state.v3.Config`,
  tlsInspector: `${PREFIX}envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector`,
  httpInspector: `${PREFIX}envoy.extensions.filters.listener.http_inspector.v3.HttpInspector`,
  originalDst: `${PREFIX}envoy.extensions.filters.listener.original_dst.v3.OriginalDst`,
  originalSrc: `${PREFIX}envoy.extensions.filters.listener.original_src.v3.OriginalSrc`,
  proxyProtocol: `${PREFIX}envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol`,
  router: `${PREFIX}envoy.extensions.filters.http.router.v3.Router`,
  httpRbac: `${PREFIX}envoy.extensions.filters.http.rbac.v3.RBAC`,
  httpRbacPerRoute: `${PREFIX}envoy.extensions.filters.http.rbac.v3.RBACPerRoute`,
  httpExtAuthz: `${PREFIX}envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`,
  httpExtAuthzPerRoute: `${PREFIX}envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute`,
  networkExtAuthz: `${PREFIX}envoy.extensions.filters.network.ext_authz.v3.ExtAuthz`,
  jwtAuthn: `${PREFIX}envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication`,
  jwtAuthnPerRoute: `${PREFIX}envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig`,
  uriTemplateMatch: `${PREFIX}envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig`,
  fault: `${PREFIX}envoy.extensions.filters.http.fault.v3.HTTPFault`,
  cors: `${PREFIX}envoy.extensions.filters.http.cors.v3.Cors`,
  corsPolicy: `${PREFIX}envoy.extensions.filters.http.cors.v3.CorsPolicy`,
  grpcWeb: `${PREFIX}envoy.extensions.filters.http.grpc_web.v3.GrpcWeb`,
  grpcStats: `${PREFIX}envoy.extensions.filters.http.grpc_stats.v3.FilterConfig`,
  dynamicForwardProxyFilter: `${PREFIX}envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig`,
  dynamicForwardProxyCluster: `${PREFIX}envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig`,
  fileAccessLog: `${PREFIX}envoy.extensions.access_loggers.file.v3.FileAccessLog`,
  stdoutAccessLog: `${PREFIX}envoy.extensions.access_loggers.stream.v3.StdoutAccessLog`,
  stderrAccessLog: `${PREFIX}envoy.extensions.access_loggers.stream.v3.StderrAccessLog`,
  celAccessLogFilter: `${PREFIX}envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter`,
  upstreamTls: `${PREFIX}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
  downstreamTls: `${PREFIX}envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
  rawBuffer: `${PREFIX}envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer`,
  upstreamProxyProtocol: `${PREFIX}envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
  httpProtocolOptions: `${PREFIX}envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
  previousHosts: `${PREFIX}envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate`,
  previousPriorities: `${PREFIX}envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig`,
  zipkinTracer: `${PREFIX}envoy.config.trace.v3.ZipkinConfig`,
  openTelemetryTracer: `${PREFIX}envoy.config.trace.v3.OpenTelemetryConfig`,
  environmentResourceDetector: `${PREFIX}envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig`,
  uuidRequestId: `${PREFIX}envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig`,
  otlpAccessLog: `${PREFIX}envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig`,
  reqWithoutQuery: `${PREFIX}envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery`,
  metadataFormatter: `${PREFIX}envoy.extensions.formatter.metadata.v3.Metadata`,
  celFormatter: `${PREFIX}envoy.extensions.formatter.cel.v3.Cel`,
  istioStats: `${PREFIX}stats.PluginConfig`,
  peerMetadata: `${PREFIX}io.istio.http.peer_metadata.Config`,
} as const;

/** Messages of services that the proxy calls. */
export const MESSAGE = {
  checkRequest: `${PREFIX}envoy.service.auth.v3.CheckRequest`,
  checkResponse: `${PREFIX}envoy.service.auth.v3.CheckResponse`,
} as const;

/** The message name behind a type URL. */
export function messageNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}
