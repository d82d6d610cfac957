import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { joinAddress } from '../../common/runtime/address.js';
import { GRPC_STATUS_NAMES } from '../../common/xds/grpc-status.js';
import { type MetadataValue, metadataAt } from '../http/dynamic-metadata.js';
import { formatFlags } from '../http/flags.js';
import { type RequestHead, requestHeader } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';
import { type CompiledExpression, type Expressions, showValue } from './expressions/compile.js';
import type { FormatContext } from './format.js';
import { withoutPort } from './format-addresses.js';
import { commonDuration, requestSent } from './format-durations.js';
import { longFlags } from './format-names.js';
import { path, queryParameter, queryParameters, requestedServerName } from './format-request.js';
import { compileLocalTimeFormat, compileTimeFormat } from './format-time.js';
import { tlsOperators, validityOperators } from './format-tls.js';
import { UNCARRIED } from './format-uncarried.js';

/** undefined is an absent value: `-` in text, null in JSON. */
export type OperatorValue = MetadataValue | undefined;

export type Getter = (context: FormatContext) => OperatorValue;

/** What operators are compiled with. */
export interface OperatorDeps {
  /** Hears of operators that never have a value here. */
  readonly warn?: (message: string) => void;
  /** For %CEL%; an error without. */
  readonly expressions?: Expressions;
}

export type Factory = (argument: string | undefined, length: number | undefined, deps: OperatorDeps) => Getter;

/** Compiles one operator of a format string; an unknown one throws an Error naming it. */
export function compileOperator(
  name: string,
  argument: string | undefined,
  length: number | undefined,
  deps: OperatorDeps,
): Getter {
  const simple = SIMPLE[name];
  if (simple !== undefined) {
    if (argument !== undefined) throw new Error(`format: %${name}% takes no argument`);
    return (context) => simple(context.info);
  }
  const tls = TLS[name];
  if (tls !== undefined) {
    if (argument !== undefined) throw new Error(`format: %${name}% takes no argument`);
    return tls;
  }
  if (UNCARRIED.has(name)) {
    deps.warn?.(`%${name}% has no value here`);
    return () => undefined;
  }
  const factory = WITH_ARGUMENT[name];
  if (factory === undefined) throw new Error(`format: unknown operator %${name}%`);
  return factory(argument, length, deps);
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
  CONNECTION_TERMINATION_DETAILS: (info) => text(info.connectionTerminationDetails),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (info) => column(info.upstreamTransportFailureReason),
  BYTES_RECEIVED: (info) => info.bytesReceived,
  BYTES_SENT: (info) => info.bytesSent,
  DURATION: (info) => span(info.start, info.end),
  REQUEST_DURATION: (info) => span(info.start, info.requestEnd),
  REQUEST_TX_DURATION: (info) => span(info.start, requestSent(info)),
  ROUNDTRIP_DURATION: () => undefined,
  RESPONSE_DURATION: (info) => (isTcp(info) ? undefined : span(info.start, info.upstreamFirstByte)),
  RESPONSE_TX_DURATION: (info) => (isTcp(info) ? undefined : span(info.upstreamFirstByte, info.end)),
  UPSTREAM_HOST: (info) => text(info.upstreamHost),
  UPSTREAM_HOST_NAME: (info) => text(info.upstreamHostname || info.upstreamHost),
  UPSTREAM_HOST_NAME_WITHOUT_PORT: (info) => text(info.upstreamHostname.replace(/:\d+$/, '')) ?? ip(info.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS: (info) => text(connectedTo(info)),
  UPSTREAM_REMOTE_PORT: (info) => port(connectedTo(info)),
  UPSTREAM_CLUSTER: (info) => text(info.clusterName),
  UPSTREAM_CLUSTER_RAW: (info) => text(info.clusterName),
  UPSTREAM_LOCAL_ADDRESS: (info) => text(info.upstreamLocalAddress),
  UPSTREAM_LOCAL_PORT: (info) => port(info.upstreamLocalAddress),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (info) => info.attempts,
  UPSTREAM_PROTOCOL: (info) => text(info.upstreamProtocol),
  UPSTREAM_SERVER_NAME: (info) => info.upstreamPeer.sni,
  DOWNSTREAM_LOCAL_ADDRESS: (info) => info.connection.localAddress,
  DOWNSTREAM_LOCAL_PORT: (info) => info.connection.localPort,
  DOWNSTREAM_REMOTE_ADDRESS: (info) =>
    info.clientIp === '' ? info.connection.remoteAddress : joinAddress(info.clientIp, 0),
  DOWNSTREAM_REMOTE_PORT: (info) => info.connection.remotePort,
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS: (info) => info.connection.localAddress,
  DOWNSTREAM_DIRECT_LOCAL_PORT: (info) => info.connection.localPort,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (info) => info.connection.remoteAddress,
  DOWNSTREAM_DIRECT_REMOTE_PORT: (info) => info.connection.remotePort,
  CONNECTION_ID: (info) => info.connection.id,
  ROUTE_NAME: (info) => text(info.routeName),
  VIRTUAL_HOST: (info) => text(info.virtualHost),
  STREAM_ID: (info) => streamId(info),
  TRACE_ID: (info) => text(info.traceId),
  SPAN_ID: (info) => text(info.spanId),
  HOSTNAME: () => HOST,
  UNIQUE_ID: () => randomUUID(),
  ACCESS_LOG_TYPE: (info) => (isTcp(info) ? 'TcpConnectionEnd' : 'DownstreamEnd'),
  // Nothing of HTTP/3, of filters that set flags or of answers with a format of their own comes here.
  BYTES_RETRANSMITTED: () => 0,
  PACKETS_RETRANSMITTED: () => 0,
  CUSTOM_FLAGS: () => '',
  LOCAL_REPLY_BODY: () => '',
  VIRTUAL_CLUSTER_NAME: () => undefined,
  UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID: (info) => (connectedTo(info) === '' ? undefined : ''),
  DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID: () => '',
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID: () => '',
  GRPC_STATUS_NUMBER: (info) => (info.grpcStatus < 0 ? undefined : info.grpcStatus),
};

const HOST = hostname();

const isTcp = ({ method }: StreamInfo): boolean => method === '';

/** A connection of TCP has no id of its own: it gets one when the first line asks. */
function streamId(info: StreamInfo): string | undefined {
  if (info.requestId !== '' || !isTcp(info)) return text(info.requestId);
  let id = connections.get(info);
  if (id === undefined) {
    id = randomUUID();
    connections.set(info, id);
  }
  return id;
}

const connections = new WeakMap<StreamInfo, string>();

/** Told of hosts that were connected to, not of those that were tried. */
const connectedTo = (info: StreamInfo): string => (info.upstreamLocalAddress === '' ? '' : info.upstreamHost);

const TLS: Readonly<Record<string, Getter>> = {
  ...tlsOperators('DOWNSTREAM', (info) => info.connection.peer),
  ...tlsOperators('UPSTREAM', (info) => info.upstreamPeer),
};

const WITH_ARGUMENT: Readonly<Record<string, Factory>> = {
  // A head that could not be read has a protocol, a TCP connection has none.
  PROTOCOL: (argument) => {
    if (argument !== undefined) throw new Error('format: %PROTOCOL% takes no argument');
    return ({ info, request }) => (request === undefined ? undefined : info.protocol);
  },
  ...validityOperators('DOWNSTREAM', (info) => info.connection.peer),
  ...validityOperators('UPSTREAM', (info) => info.upstreamPeer),
  ...addresses('UPSTREAM_LOCAL', (info) => ip(info.upstreamLocalAddress)),
  ...addresses('UPSTREAM_REMOTE', (info) => ip(connectedTo(info))),
  ...addresses('DOWNSTREAM_LOCAL', (info) => info.connection.localIp),
  ...addresses('DOWNSTREAM_DIRECT_LOCAL', (info) => info.connection.localIp),
  ...addresses('DOWNSTREAM_REMOTE', (info) => info.clientIp || info.connection.remoteIp),
  ...addresses('DOWNSTREAM_DIRECT_REMOTE', (info) => info.connection.remoteIp),
  RESPONSE_CODE_DETAILS: (option) => {
    if (option !== undefined && option !== 'ALLOW_WHITESPACES') {
      throw new Error(`format: unknown option ${option} of %RESPONSE_CODE_DETAILS%`);
    }
    const shown = option === undefined ? column : text;
    return ({ info }) => shown(info.responseCodeDetails);
  },
  COMMON_DURATION: commonDuration,
  PATH: path,
  QUERY_PARAM: queryParameter,
  QUERY_PARAMS: queryParameters,
  REQUESTED_SERVER_NAME: requestedServerName,
  START_TIME_LOCAL: (format) => {
    const render = compileLocalTimeFormat(format);
    return ({ info }) => render(info.startEpoch);
  },
  EMIT_TIME_LOCAL: (format) => {
    const render = compileLocalTimeFormat(format);
    return ({ info }) => render(info.startEpoch + Math.max(0, info.end - info.start));
  },
  START_TIME: (format) => {
    const render = compileTimeFormat(format);
    return ({ info }) => render(info.startEpoch);
  },
  EMIT_TIME: (format) => {
    const render = compileTimeFormat(format);
    return ({ info }) => render(info.startEpoch + Math.max(0, info.end - info.start));
  },
  REQ: headers('REQ', ofRequestHead),
  REQUEST_HEADER: headers('REQUEST_HEADER', ofRequestHead),
  REQ_WITHOUT_QUERY: headers('REQ_WITHOUT_QUERY', ({ request }, key) =>
    request === undefined ? undefined : ofRequest(request, key)?.replace(/\?.*$/s, ''),
  ),
  RESP: headers('RESP', ofResponseHead),
  RESPONSE_HEADER: headers('RESPONSE_HEADER', ofResponseHead),
  TRAILER: headers('TRAILER', ({ info }, key) => info.trailers?.joined(key)),
  RESPONSE_TRAILER: headers('RESPONSE_TRAILER', ({ info }, key) => info.trailers?.joined(key)),
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
  DYNAMIC_METADATA: (argument, length) => metadata(argument ?? '', length, 'DYNAMIC_METADATA'),
  METADATA: (argument = '', length, deps) => {
    const [type, ...path] = argument.split(':');
    if (type === 'DYNAMIC') return metadata(path.join(':'), length, 'METADATA');
    if (!METADATA_TYPES.has(type ?? '')) throw new Error(`format: %METADATA% knows no ${type}`);
    deps.warn?.(`%METADATA(${type})% has no value here`);
    return () => undefined;
  },
  CEL: (argument, length, deps) => {
    const expression = compileExpression(argument, deps);
    return (context) => {
      const value = expression.value(context);
      return value === undefined ? undefined : showValue(value).slice(0, length);
    };
  },
  TYPED_CEL: (argument, length, deps) => {
    const expression = compileExpression(argument, deps);
    return (context) => {
      const value = expression.value(context);
      if (value === undefined || value === null) return undefined;
      if (typeof value === 'number' || typeof value === 'boolean') return value;
      return typeof value === 'bigint' ? Number(value) : showValue(value).slice(0, length);
    };
  },
  COALESCE: (argument, length, deps) => {
    const choices = alternatives(argument ?? '', deps);
    return (context) => {
      for (const get of choices) {
        const value = get(context);
        if (value !== undefined && value !== '') return typeof value === 'string' ? value.slice(0, length) : value;
      }
      return undefined;
    };
  },
};

const METADATA_TYPES = new Set([
  'CLUSTER',
  'ROUTE',
  'UPSTREAM_HOST',
  'LISTENER',
  'LISTENER_FILTER_CHAIN',
  'VIRTUAL_HOST',
]);

/** `FILTER` or `FILTER:KEY…`; only texts are cut. */
function metadata(argument: string, length: number | undefined, operator: string): Getter {
  const [filter = '', ...path] = argument.split(':');
  if (filter === '') throw new Error(`format: %${operator}% needs (FILTER) or (FILTER:KEY…)`);
  return ({ info }) => {
    const value = metadataAt(info.metadata, filter, path);
    return typeof value === 'string' ? value.slice(0, length) : value;
  };
}

function compileExpression(source: string | undefined, { expressions, warn }: OperatorDeps): CompiledExpression {
  if (source === undefined || source === '') throw new Error('format: %CEL% needs (EXPRESSION)');
  if (expressions === undefined) throw new Error('format: %CEL% is for access logs');
  const compiled = expressions.compile(source);
  if (compiled.fault !== undefined) warn?.(`%CEL(${source})%: ${compiled.fault}`);
  return compiled;
}

/** `{"operators": ["NAME", {"command", "param", "max_length"}]}` */
function alternatives(json: string, deps: OperatorDeps): Getter[] {
  const wrong = new Error('format: %COALESCE% needs ({"operators": […]}) with names or {command, param, max_length}');
  const parsed = parsedObject(json);
  const { operators } = parsed ?? {};
  if (!Array.isArray(operators) || operators.length === 0) throw wrong;
  return operators.map((one: unknown) => {
    if (typeof one === 'string') return compileOperator(one, undefined, undefined, deps);
    const { command, param, max_length: most } = (one ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof command !== 'string') throw wrong;
    const argument = typeof param === 'string' ? param : undefined;
    return compileOperator(command, argument, typeof most === 'number' ? most : undefined, deps);
  });
}

function parsedObject(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(json) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

function addresses(end: string, of: (info: StreamInfo) => string | undefined): Record<string, Factory> {
  const operator = `${end}_ADDRESS_WITHOUT_PORT`;
  return { [operator]: withoutPort(operator, of) };
}

function ofRequestHead({ request }: FormatContext, key: string): string | undefined {
  return request === undefined ? undefined : ofRequest(request, key);
}

function ofResponseHead({ response }: FormatContext, key: string): string | undefined {
  return key === ':status' ? status(response?.status) : response?.headers.joined(key);
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
