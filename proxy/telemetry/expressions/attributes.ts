import type { ATTRIBUTES, AttributeRoot, OpenRoot } from '../../../common/expressions/attributes.js';
import { durationValue } from '../../../common/expressions/language.js';
import { joinAddress } from '../../../common/runtime/address.js';
import { FAILURE_FIRST } from '../../http/flags.js';
import { requestHeader } from '../../http/message.js';
import type { PeerInfo, WorkloadInfo } from '../../http/stream-info.js';
import type { FormatContext } from '../format.js';
import { FieldMap } from './field-map.js';

/** undefined is an absent attribute; whole numbers are bigint. */
type Attribute = (context: FormatContext) => unknown;

type Attributes = { readonly [Root in AttributeRoot]: Readonly<Record<keyof (typeof ATTRIBUTES)[Root], Attribute>> };

const text = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
const int = (value: number): bigint => BigInt(Math.trunc(value));
const absent: Attribute = () => undefined;
const header =
  (name: string): Attribute =>
  ({ request }) =>
    request === undefined ? undefined : requestHeader(request, name);
const port = (address: string): bigint | undefined =>
  address === '' ? undefined : BigInt(address.slice(address.lastIndexOf(':') + 1));

const duration = (from: number, to: number): object | undefined =>
  from < 0 || to < 0 ? undefined : durationValue(Math.max(0, to - from));

function tls(of: (context: FormatContext) => PeerInfo) {
  return {
    tls_version: (context: FormatContext) => of(context).tlsVersion,
    subject_local_certificate: absent,
    subject_peer_certificate: (context: FormatContext) => text(of(context).subject),
    dns_san_local_certificate: absent,
    dns_san_peer_certificate: (context: FormatContext) => of(context).dnsSans[0],
    uri_san_local_certificate: (context: FormatContext) => of(context).localUriSan,
    uri_san_peer_certificate: (context: FormatContext) => of(context).uriSan,
    sha256_peer_certificate_digest: (context: FormatContext) => text(of(context).sha256),
  };
}

/** The values of attributes of a finished request or connection. */
export const VALUES: Attributes = {
  request: {
    path: ({ request }) => request?.path,
    url_path: ({ request }) => request?.path.replace(/[?#].*$/s, ''),
    query: ({ request }) => request && (/\?([^#]*)/.exec(request.path)?.[1] ?? ''),
    host: ({ request }) => request?.authority,
    scheme: ({ request }) => request?.scheme,
    method: ({ request }) => request?.method,
    headers: ({ request }) => request && new FieldMap(request.headers, (key) => requestHeader(request, key)),
    referer: header('referer'),
    useragent: header('user-agent'),
    time: ({ info }) => new Date(info.startEpoch),
    id: header('x-request-id'),
    protocol: ({ info, request }) => request && info.protocol,
    duration: ({ info }) => duration(info.start, info.end),
    size: ({ info }) => int(info.bytesReceived),
    total_size: ({ info }) => int(info.bytesReceived),
  },
  response: {
    code: ({ info }) => (info.responseCode === 0 ? undefined : int(info.responseCode)),
    code_details: ({ info }) => text(info.responseCodeDetails),
    flags: ({ info }) => int(info.flags & ~FAILURE_FIRST),
    grpc_status: ({ info }) => (info.grpcStatus < 0 ? undefined : int(info.grpcStatus)),
    headers: ({ response }) => response && new FieldMap(response.headers, (key) => response.headers.joined(key)),
    trailers: absent,
    size: ({ info }) => int(info.bytesSent),
    total_size: ({ info }) => int(info.bytesSent),
    backend_latency: ({ info }) => duration(info.upstreamStart, info.upstreamFirstByte),
  },
  source: {
    address: ({ info }) => (info.clientIp === '' ? info.connection.remoteAddress : joinAddress(info.clientIp, 0)),
    port: ({ info }) => int(info.connection.remotePort),
  },
  destination: {
    address: ({ info }) => info.connection.localAddress,
    port: ({ info }) => int(info.connection.localPort),
  },
  connection: {
    ...tls(({ info }) => info.connection.peer),
    id: ({ info }) => int(info.connection.id),
    mtls: ({ info }) => info.connection.peer.mtls,
    requested_server_name: ({ info }) => text(info.connection.peer.sni),
    transport_failure_reason: absent,
    termination_details: ({ info }) => text(info.connectionTerminationDetails),
  },
  upstream: {
    ...tls(({ info }) => info.upstreamPeer),
    address: ({ info }) => text(info.upstreamHost),
    port: ({ info }) => port(info.upstreamHost),
    local_address: ({ info }) => text(info.upstreamLocalAddress),
    transport_failure_reason: ({ info }) => text(info.upstreamTransportFailureReason),
    request_attempt_count: ({ info }) => int(info.attempts),
    locality: absent,
  },
  xds: {
    node: absent,
    cluster_name: ({ info }) => text(info.clusterName),
    cluster_metadata: absent,
    listener_direction: absent,
    listener_metadata: absent,
    route_name: ({ info }) => text(info.routeName),
    route_metadata: absent,
    virtual_host_name: ({ info }) => text(info.virtualHost),
    virtual_host_metadata: absent,
    upstream_host_metadata: absent,
    filter_chain_name: absent,
  },
};

/** The peer as Istio's filter state describes it. */
function peer(workload: WorkloadInfo | undefined): object | undefined {
  if (workload === undefined) return undefined;
  const { workload: name, namespace, cluster, canonicalService, canonicalRevision, app, version } = workload;
  return { workload: name, namespace, cluster, service: canonicalService, revision: canonicalRevision, app, version };
}

/** What is known of a peer was told by a client where no request went out to the mesh. */
const isClient = ({ info: { clusterName } }: FormatContext): boolean =>
  clusterName === '' || clusterName.startsWith('inbound|') || clusterName.startsWith('InboundPassthrough');
const downstream: Attribute = (context) => (isClient(context) ? peer(context.info.peerWorkload) : undefined);
const upstream: Attribute = (context) => (isClient(context) ? undefined : peer(context.info.peerWorkload));

/** Those of {@link OPEN_ROOTS} that depend on the request. */
export const OPEN_VALUES: Readonly<Record<Exclude<OpenRoot, 'node'>, Attribute>> = {
  metadata: ({ info }) => ({ filter_metadata: Object.fromEntries(info.metadata ?? []) }),
  filter_state: (context) => defined({ upstream_peer: upstream(context), downstream_peer: downstream(context) }),
  upstream_filter_state: absent,
  upstream_peer: upstream,
  downstream_peer: downstream,
};

function defined(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
