import type { MetadataFields } from './dynamic-metadata.js';
import type { HeaderList } from './headers.js';
import type { HttpVersion } from './message.js';

/** What a connection's handshake told about its peer; fields are undefined on plaintext. */
export interface PeerInfo {
  /** Whether the peer proved an identity by a verified certificate. */
  readonly mtls: boolean;
  /** First SPIFFE (or other) URI SAN of the verified peer certificate. */
  readonly uriSan: string | undefined;
  readonly dnsSans: readonly string[];
  /** RFC 2253 subject; empty for SPIFFE SVIDs. */
  readonly subject: string;
  /** SHA-256 of the peer certificate's DER, lower-case hex. */
  readonly sha256: string;
  /** Its DER; empty without one. */
  readonly certificate: Buffer;
  /** PEM of the chain that we showed, whose first certificate is ours. */
  readonly localCertificate: string | undefined;
  /** OpenSSL's name. */
  readonly cipher: string | undefined;
  /** Own URI SAN on this connection. */
  readonly localUriSan: string | undefined;
  /** `TLSv1.3` …; undefined on plaintext. */
  readonly tlsVersion: string | undefined;
  readonly sni: string | undefined;
  readonly alpn: string | undefined;
}

export const PLAINTEXT_PEER: PeerInfo = {
  mtls: false,
  uriSan: undefined,
  dnsSans: [],
  subject: '',
  sha256: '',
  certificate: Buffer.alloc(0),
  localCertificate: undefined,
  cipher: undefined,
  localUriSan: undefined,
  tlsVersion: undefined,
  sni: undefined,
  alpn: undefined,
};

/** An accepted connection, as filters, matchers and logs see it. Addresses are `ip:port` with IPv6 in brackets. */
export interface ConnectionInfo {
  readonly id: number;
  readonly localAddress: string;
  readonly localIp: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly peer: PeerInfo;
}

/** The workload at the other side, as its sidecar (or its endpoint's metadata) describes it. */
export interface WorkloadInfo {
  readonly workload: string;
  readonly namespace: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly app: string;
  readonly version: string;
  readonly cluster: string;
}

/** Where a request went, kept for metrics: filled from the cluster's metadata. */
export interface ServiceInfo {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

/**
 * Everything that is known about one request, filled in as it passes (Envoy's StreamInfo). One object a request,
 * all fields present from the start so that its shape never changes. Times are monotonic milliseconds, -1 before
 * they happen; sizes are bytes.
 */
export class StreamInfo {
  /** Wall clock at the first byte of the head, ms since the epoch. */
  startEpoch = 0;
  start = 0;
  /** Last byte of the request received. */
  requestEnd = -1;
  /** First and last byte of the response from upstream, last byte sent downstream. */
  upstreamFirstByte = -1;
  end = -1;
  /** When the upstream was first sent the request; `x-envoy-upstream-service-time` counts from here. */
  upstreamStart = -1;

  protocol: HttpVersion = 'HTTP/1.1';
  method = '';
  /** As received, before any rewrite. */
  originalPath = '';
  path = '';
  authority = '';
  requestId = '';
  /** Lower-case hex; empty without tracing. */
  traceId = '';
  spanId = '';

  /** 0 until a response code is known (a reset downstream leaves it 0). */
  responseCode = 0;
  flags = 0;
  responseCodeDetails = '';
  connectionTerminationDetails = '';
  upstreamTransportFailureReason = '';
  /** Body bytes only. */
  bytesReceived = 0;
  bytesSent = 0;

  routeName = '';
  /** For people, where the route has no name. */
  routeLabel = '';
  virtualHost = '';
  /** Address of the client as X-Forwarded-For names it, where that is to be believed; empty: the connection's. */
  clientIp = '';
  /** Name of the cluster that was selected; empty before. */
  clusterName = '';
  /** `ip:port` of the host that was tried last; empty before. */
  upstreamHost = '';
  /** Its name, where its endpoint has one. */
  upstreamHostname = '';
  upstreamLocalAddress = '';
  /** Empty before there is a connection, and for TCP. */
  upstreamProtocol: HttpVersion | '' = '';
  attempts = 0;
  /** Identity that the upstream host proved by its certificate. */
  upstreamPeer: PeerInfo = PLAINTEXT_PEER;
  /** Peer by request headers (inbound) or endpoint metadata (outbound). */
  peerWorkload: WorkloadInfo | undefined = undefined;
  /** A peer of the mesh described itself, so the response describes us. */
  peerAsks = false;
  destinationService: ServiceInfo | undefined = undefined;
  /** grpc-status of the response, -1 when there is none. */
  grpcStatus = -1;
  /** Dynamic metadata by filter; undefined until one sets any. */
  metadata: Map<string, MetadataFields> | undefined = undefined;
  /** Of the response. */
  trailers: HeaderList | undefined = undefined;

  connection: ConnectionInfo;

  constructor(connection: ConnectionInfo) {
    this.connection = connection;
  }
}
