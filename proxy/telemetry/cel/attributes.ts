import { joinAddress } from '../../../common/runtime/address.js';
import { FAILURE_FIRST } from '../../http/flags.js';
import { requestHeader } from '../../http/message.js';
import type { FormatContext } from '../format.js';

/** Values of expressions; undefined is CEL's error, which an absent attribute gives too. */
export type CelValue = string | number | boolean | null | undefined | CelMap | readonly CelValue[];

export interface CelMap {
  get(key: string): string | undefined;
}

type Attribute = (context: FormatContext) => CelValue;

const text = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
const header =
  (name: string): Attribute =>
  ({ request }) =>
    request === undefined ? undefined : requestHeader(request, name);
const port = (address: string): number | undefined =>
  address === '' ? undefined : Number(address.slice(address.lastIndexOf(':') + 1));

/** Envoy's attributes (intro/arch_overview/advanced/attributes) that a finished request has here. */
export const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  'request.path': ({ request }) => request?.path,
  'request.url_path': ({ request }) => request?.path.replace(/[?#].*$/s, ''),
  'request.query': ({ request }) => request && (/\?([^#]*)/.exec(request.path)?.[1] ?? ''),
  'request.host': ({ request }) => request?.authority,
  'request.scheme': ({ request }) => request?.scheme,
  'request.method': ({ request }) => request?.method,
  'request.headers': ({ request }) => request && { get: (key) => requestHeader(request, key.toLowerCase()) },
  'request.referer': header('referer'),
  'request.useragent': header('user-agent'),
  'request.id': header('x-request-id'),
  'request.protocol': ({ info, request }) => request && info.protocol,
  'request.size': ({ info }) => info.bytesReceived,
  'response.code': ({ info }) => (info.responseCode === 0 ? undefined : info.responseCode),
  'response.code_details': ({ info }) => text(info.responseCodeDetails),
  'response.flags': ({ info }) => info.flags & ~FAILURE_FIRST,
  'response.grpc_status': ({ info }) => (info.grpcStatus < 0 ? undefined : info.grpcStatus),
  'response.headers': ({ response }) => response && { get: (key) => response.headers.joined(key.toLowerCase()) },
  'response.size': ({ info }) => info.bytesSent,
  'source.address': ({ info }) =>
    info.clientIp === '' ? info.connection.remoteAddress : joinAddress(info.clientIp, 0),
  'source.port': ({ info }) => info.connection.remotePort,
  'destination.address': ({ info }) => info.connection.localAddress,
  'destination.port': ({ info }) => info.connection.localPort,
  'connection.id': ({ info }) => info.connection.id,
  'connection.mtls': ({ info }) => info.connection.peer.mtls,
  'connection.requested_server_name': ({ info }) => text(info.connection.peer.sni),
  'connection.tls_version': ({ info }) => info.connection.peer.tlsVersion,
  'connection.subject_peer_certificate': ({ info }) => text(info.connection.peer.subject),
  'connection.uri_san_peer_certificate': ({ info }) => info.connection.peer.uriSan,
  'connection.uri_san_local_certificate': ({ info }) => info.connection.peer.localUriSan,
  'connection.dns_san_peer_certificate': ({ info }) => info.connection.peer.dnsSans[0],
  'connection.sha256_peer_certificate_digest': ({ info }) => text(info.connection.peer.sha256),
  'connection.termination_details': ({ info }) => text(info.connectionTerminationDetails),
  'upstream.address': ({ info }) => text(info.upstreamHost),
  'upstream.port': ({ info }) => port(info.upstreamHost),
  'upstream.local_address': ({ info }) => text(info.upstreamLocalAddress),
  'upstream.transport_failure_reason': ({ info }) => text(info.upstreamTransportFailureReason),
  'upstream.uri_san_peer_certificate': ({ info }) => info.upstreamPeer.uriSan,
  'upstream.tls_version': ({ info }) => info.upstreamPeer.tlsVersion,
  'xds.cluster_name': ({ info }) => text(info.clusterName),
  'xds.route_name': ({ info }) => text(info.routeName),
  'xds.virtual_host_name': ({ info }) => text(info.virtualHost),
};
