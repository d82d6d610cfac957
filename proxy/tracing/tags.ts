import { formatFlags } from '../http/flags.js';
import type { RequestHead } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { FormatContext } from '../telemetry/format.js';
import type { SpanTag } from './span.js';
import type { TracingConfig } from './tracer.js';

const or = (value: string | undefined): string => (value === undefined || value === '' ? '-' : value);

/** What Envoy's tracers say of a request, and the names that OpenTelemetry's conventions have for the same. */
export function requestTags(
  config: TracingConfig,
  context: FormatContext & { readonly request: RequestHead },
): SpanTag[] {
  const { info, request } = context;
  const { headers } = request;
  const tags: SpanTag[] = [
    ['node_id', config.node.id],
    ['zone', config.node.zone],
    ['component', 'proxy'],
    ['guid:x-request-id', info.requestId],
    ['http.url', url(info, request, config.maxPathLength)],
    ['http.method', info.method],
    ['downstream_cluster', or(headers.get('x-envoy-downstream-service-cluster'))],
    ['user_agent', or(headers.get('user-agent'))],
    ['http.protocol', info.protocol],
    ['peer.address', info.connection.remoteIp],
    ['request_size', String(info.bytesReceived)],
    ['response_size', String(info.bytesSent)],
    ['http.status_code', String(info.responseCode)],
    ['response_flags', formatFlags(info.flags)],
  ];
  const client = headers.get('x-client-trace-id');
  if (client !== undefined) tags.push(['guid:x-client-trace-id', client]);
  if (info.clusterName !== '')
    tags.push(['upstream_cluster', info.clusterName], ['upstream_cluster.name', info.clusterName]);
  if (info.grpcStatus >= 0) tags.push(...grpcTags(info, request));
  tags.push(...conventions(info, config.egress));
  for (const { name, value } of config.customTags) {
    const text = value(context);
    if (text !== undefined) tags.push([name, text]);
  }
  return tags;
}

/** OpenTelemetry's semantic conventions for HTTP spans. */
function conventions(info: StreamInfo, egress: boolean): SpanTag[] {
  const path = info.originalPath.replace(/\?.*$/s, '');
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(info.authority) ?? [];
  const tags: SpanTag[] = [
    ['http.request.method', info.method],
    ['url.path', path],
    ['server.address', host],
    ['network.protocol.version', info.protocol.slice('HTTP/'.length)],
    ['http.response.status_code', String(info.responseCode)],
  ];
  if (port !== undefined) tags.push(['server.port', port]);
  if (!egress) tags.push(['client.address', info.clientIp || info.connection.remoteIp]);
  if (info.responseCode >= 500 || info.responseCode === 0) tags.push(['error.type', String(info.responseCode)]);
  return tags;
}

function grpcTags(info: StreamInfo, request: RequestHead): SpanTag[] {
  return [
    ['grpc.path', info.originalPath],
    ['grpc.authority', info.authority],
    ['grpc.content_type', or(request.headers.get('content-type'))],
    ['grpc.status_code', String(info.grpcStatus)],
    ['rpc.grpc.status_code', String(info.grpcStatus)],
  ];
}

function url(info: StreamInfo, request: RequestHead, maxPathLength: number): string {
  return `${request.scheme}://${info.authority}${info.originalPath.slice(0, maxPathLength)}`;
}

/** Whether Envoy marks the span as an error. */
export function isError(info: StreamInfo): boolean {
  return info.responseCode === 0 || info.responseCode >= 500;
}
