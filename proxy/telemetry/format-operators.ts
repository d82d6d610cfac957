import { hostname } from 'node:os';
import { joinAddress } from '../../common/runtime/address.js';
import { GRPC_STATUS_NAMES } from '../../common/xds/grpc-status.js';
import { type MetadataValue, metadataAt } from '../http/dynamic-metadata.js';
import { formatFlags } from '../http/flags.js';
import { type RequestHead, requestHeader } from '../http/message.js';
import type { PeerInfo, StreamInfo } from '../http/stream-info.js';
import type { FormatContext } from './format.js';
import { longFlags } from './format-names.js';
import { compileTimeFormat } from './format-time.js';

/** undefined is an absent value: `-` in text, null in JSON. */
export type OperatorValue = string | number | undefined;

type Getter = (context: FormatContext) => OperatorValue;
type Factory = (argument: string | undefined, length: number | undefined) => Getter;

/** Compiles one operator of a format string; an unknown one throws an Error naming it. */
export function compileOperator(name: string, argument: string | undefined, length: number | undefined): Getter {
  const simple = SIMPLE[name];
  if (simple !== undefined) {
    if (argument !== undefined && !TAKES_OPTION.has(name)) throw new Error(`format: %${name}% takes no argument`);
    return (context) => simple(context.info);
  }
  const factory = WITH_ARGUMENT[name];
  if (factory === undefined) throw new Error(`format: unknown operator %${name}%`);
  return factory(argument, length);
}

/** An empty text is an absent value. */
const text = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
/** Envoy writes reasons without spaces, so that they stay one column. */
const column = (value: string): string | undefined => text(value.replaceAll(' ', '_'));
const ip = (address: string): string | undefined => text(address.slice(0, address.lastIndexOf(':')));
const port = (address: string): number | undefined =>
  address === '' ? undefined : Number(address.slice(address.lastIndexOf(':') + 1));

/** Whole milliseconds between two times, absent while one has not come. */
function span(from: number, to: number): number | undefined {
  return from < 0 || to < 0 ? undefined : Math.floor(to - from);
}

const SIMPLE: Readonly<Record<string, (info: StreamInfo) => OperatorValue>> = {
  RESPONSE_CODE: (info) => info.responseCode,
  RESPONSE_FLAGS: (info) => formatFlags(info.flags),
  RESPONSE_FLAGS_LONG: (info) => (info.flags === 0 ? '-' : longFlags(info.flags)),
  RESPONSE_CODE_DETAILS: (info) => column(info.responseCodeDetails),
  CONNECTION_TERMINATION_DETAILS: (info) => text(info.connectionTerminationDetails),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (info) => column(info.upstreamTransportFailureReason),
  BYTES_RECEIVED: (info) => info.bytesReceived,
  BYTES_SENT: (info) => info.bytesSent,
  DURATION: (info) => span(info.start, info.end),
  REQUEST_DURATION: (info) => span(info.start, info.requestEnd),
  RESPONSE_DURATION: (info) => span(info.start, info.upstreamFirstByte),
  RESPONSE_TX_DURATION: (info) => span(info.upstreamFirstByte, info.end),
  UPSTREAM_HOST: (info) => text(info.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS: (info) => text(info.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (info) => ip(info.upstreamHost),
  UPSTREAM_REMOTE_PORT: (info) => port(info.upstreamHost),
  UPSTREAM_CLUSTER: (info) => text(info.clusterName),
  UPSTREAM_CLUSTER_RAW: (info) => text(info.clusterName),
  UPSTREAM_LOCAL_ADDRESS: (info) => text(info.upstreamLocalAddress),
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (info) => ip(info.upstreamLocalAddress),
  UPSTREAM_LOCAL_PORT: (info) => port(info.upstreamLocalAddress),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (info) => info.attempts,
  UPSTREAM_PROTOCOL: () => undefined,
  DOWNSTREAM_LOCAL_ADDRESS: (info) => info.connection.localAddress,
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (info) => info.connection.localIp,
  DOWNSTREAM_LOCAL_PORT: (info) => info.connection.localPort,
  DOWNSTREAM_REMOTE_ADDRESS: (info) =>
    info.clientIp === '' ? info.connection.remoteAddress : joinAddress(info.clientIp, 0),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (info) => info.clientIp || info.connection.remoteIp,
  DOWNSTREAM_REMOTE_PORT: (info) => info.connection.remotePort,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (info) => info.connection.remoteAddress,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (info) => info.connection.remoteIp,
  DOWNSTREAM_DIRECT_REMOTE_PORT: (info) => info.connection.remotePort,
  CONNECTION_ID: (info) => info.connection.id,
  REQUESTED_SERVER_NAME: (info) => text(info.connection.peer.sni),
  ROUTE_NAME: (info) => text(info.routeName),
  VIRTUAL_HOST: (info) => text(info.virtualHost),
  STREAM_ID: (info) => text(info.requestId),
  TRACE_ID: (info) => text(info.traceId),
  SPAN_ID: (info) => text(info.spanId),
  HOSTNAME: () => HOST,
  GRPC_STATUS_NUMBER: (info) => (info.grpcStatus < 0 ? undefined : info.grpcStatus),
  ...peer('DOWNSTREAM', (info) => info.connection.peer),
  ...peer('UPSTREAM', (info) => info.upstreamPeer),
};

const HOST = hostname();

/** Operators about one side's TLS; ciphers and session ids are not kept and stay absent. */
function peer(side: string, of: (info: StreamInfo) => PeerInfo): Record<string, (info: StreamInfo) => OperatorValue> {
  return {
    [`${side}_PEER_URI_SAN`]: (info) => of(info).uriSan,
    [`${side}_PEER_DNS_SAN`]: (info) => text(of(info).dnsSans.join(',')),
    [`${side}_PEER_SUBJECT`]: (info) => text(of(info).subject),
    [`${side}_PEER_FINGERPRINT_256`]: (info) => text(of(info).sha256),
    [`${side}_LOCAL_URI_SAN`]: (info) => of(info).localUriSan,
    [`${side}_TLS_VERSION`]: (info) => of(info).tlsVersion,
    [`${side}_TLS_CIPHER`]: () => undefined,
    [`${side}_TLS_SESSION_ID`]: () => undefined,
  };
}

const TAKES_OPTION: ReadonlySet<string> = new Set(['RESPONSE_CODE_DETAILS']);

const absent: Factory = () => () => undefined;

const WITH_ARGUMENT: Readonly<Record<string, Factory>> = {
  // A head that could not be read has a protocol, a TCP connection has none.
  PROTOCOL: (argument) => {
    if (argument !== undefined) throw new Error('format: %PROTOCOL% takes no argument');
    return ({ info, request }) => (request === undefined ? undefined : info.protocol);
  },
  START_TIME: (format) => {
    const render = compileTimeFormat(format);
    return ({ info }) => render(info.startEpoch);
  },
  EMIT_TIME: (format) => {
    const render = compileTimeFormat(format);
    return ({ info }) => render(info.startEpoch + Math.max(0, info.end - info.start));
  },
  REQ: headers('REQ', ({ request }, key) => (request === undefined ? undefined : ofRequest(request, key))),
  REQ_WITHOUT_QUERY: headers('REQ_WITHOUT_QUERY', ({ request }, key) =>
    request === undefined ? undefined : ofRequest(request, key)?.replace(/\?.*$/s, ''),
  ),
  RESP: headers('RESP', ({ response }, key) =>
    key === ':status' ? status(response?.status) : response?.headers.joined(key),
  ),
  TRAILER: headers('TRAILER', () => undefined),
  GRPC_STATUS: (form = 'CAMEL_STRING') => {
    if (form === 'NUMBER') return ({ info }) => (info.grpcStatus < 0 ? undefined : info.grpcStatus);
    const snake = form === 'SNAKE_STRING';
    if (!snake && form !== 'CAMEL_STRING') throw new Error(`format: unknown form ${form} of %GRPC_STATUS%`);
    return ({ info }) => (info.grpcStatus < 0 ? undefined : grpcName(info.grpcStatus, snake));
  },
  ENVIRONMENT: (name = '', length) => {
    const value = text(process.env[name])?.slice(0, length);
    return () => value;
  },
  DYNAMIC_METADATA: (argument, length) => {
    const [filter = '', ...path] = (argument ?? '').split(':');
    if (filter === '') throw new Error('format: %DYNAMIC_METADATA% needs (FILTER) or (FILTER:KEY…)');
    return ({ info }) => metadataText(metadataAt(info.metadata, filter, path), length);
  },
  CLUSTER_METADATA: absent,
  UPSTREAM_METADATA: absent,
  FILTER_STATE: absent,
  UPSTREAM_FILTER_STATE: absent,
};

/** A text as it is, anything else as JSON. */
function metadataText(value: MetadataValue | undefined, length: number | undefined): string | undefined {
  if (value === undefined) return undefined;
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, length);
}

/** The value under the first name, else under the alternative: `(X?Y)`, cut to a length. */
function headers(operator: string, lookup: (context: FormatContext, key: string) => string | undefined): Factory {
  return (argument, length) => {
    const [main, alternative, ...rest] = (argument ?? '').toLowerCase().split('?');
    if (main === undefined || main === '' || rest.length > 0)
      throw new Error(`format: %${operator}% needs (NAME) or (NAME?ALTERNATIVE)`);
    return (context) => {
      let value = lookup(context, main);
      if (value === undefined && alternative !== undefined) value = lookup(context, alternative);
      return length === undefined ? value : value?.slice(0, length);
    };
  };
}

/** Repeated fields are joined; an empty value is shown as it is. */
function ofRequest(request: RequestHead, key: string): string | undefined {
  if (key.charCodeAt(0) === 58 /* : */ || key === 'host') return text(requestHeader(request, key));
  return request.headers.joined(key);
}

function status(code: number | undefined): string | undefined {
  return code === undefined ? undefined : String(code);
}

function grpcName(code: number, snake: boolean): string {
  const name = GRPC_STATUS_NAMES[code];
  if (name === undefined) return String(code);
  return snake ? name : camel(name);
}

/** `NOT_FOUND` → `NotFound`; OK stays. */
function camel(name: string): string {
  if (name === 'OK') return name;
  return name.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
