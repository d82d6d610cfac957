import { checkExpression } from '../../common/expressions/check.js';

/** `%%`, `%NAME%`, `%NAME(arguments)%` and `%NAME(arguments):length%`: what a substitution format may hold besides text. */
const OPERATOR = /%(?:%|([A-Z][A-Z0-9_]*)(\(.*?\))?(:\d+)?%)/gs;

/** Operators that take neither an argument nor a length. */
const PLAIN = new Set(
  `PROTOCOL UPSTREAM_PROTOCOL RESPONSE_CODE RESPONSE_FLAGS RESPONSE_FLAGS_LONG CONNECTION_TERMINATION_DETAILS
  UPSTREAM_TRANSPORT_FAILURE_REASON DOWNSTREAM_TRANSPORT_FAILURE_REASON BYTES_RECEIVED BYTES_SENT BYTES_RETRANSMITTED
  PACKETS_RETRANSMITTED DURATION REQUEST_DURATION REQUEST_TX_DURATION RESPONSE_DURATION RESPONSE_TX_DURATION
  ROUNDTRIP_DURATION DOWNSTREAM_HANDSHAKE_DURATION UPSTREAM_CONNECTION_POOL_READY_DURATION UPSTREAM_HOST
  UPSTREAM_HOST_NAME UPSTREAM_HOST_NAME_WITHOUT_PORT UPSTREAM_HOSTS_ATTEMPTED UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT
  UPSTREAM_HOST_NAMES_ATTEMPTED UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT UPSTREAM_CONNECTION_ID
  UPSTREAM_CONNECTION_IDS_ATTEMPTED UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_PORT UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW
  UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_SERVER_NAME
  UPSTREAM_LOCAL_CLOSE_REASON DOWNSTREAM_LOCAL_CLOSE_REASON UPSTREAM_DETECTED_CLOSE_TYPE
  DOWNSTREAM_DETECTED_CLOSE_TYPE DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_PORT DOWNSTREAM_DIRECT_LOCAL_ADDRESS
  DOWNSTREAM_DIRECT_LOCAL_PORT DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS
  DOWNSTREAM_DIRECT_REMOTE_PORT UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID CONNECTION_ID ROUTE_NAME VIRTUAL_CLUSTER_NAME STREAM_ID UNIQUE_ID
  TRACE_ID SPAN_ID HOSTNAME ACCESS_LOG_TYPE CUSTOM_FLAGS FILTER_CHAIN_NAME LOCAL_REPLY_BODY GRPC_STATUS_NUMBER
  REQUEST_HEADERS_BYTES RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT
  DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_FINGERPRINT_1
  DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256 DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1 DOWNSTREAM_PEER_CHAIN_SERIALS
  DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256 DOWNSTREAM_PEER_ISSUER_SERIAL DOWNSTREAM_LOCAL_EMAIL_SAN
  DOWNSTREAM_PEER_EMAIL_SAN DOWNSTREAM_LOCAL_OTHERNAME_SAN DOWNSTREAM_PEER_OTHERNAME_SAN`.split(/\s+/),
);
for (const side of ['UPSTREAM', 'DOWNSTREAM']) {
  for (const name of ['CERT', 'SUBJECT', 'ISSUER', 'URI_SAN', 'DNS_SAN', 'IP_SAN']) PLAIN.add(`${side}_PEER_${name}`);
  for (const name of ['URI_SAN', 'DNS_SAN', 'IP_SAN']) PLAIN.add(`${side}_LOCAL_${name}`);
  for (const name of ['VERSION', 'CIPHER', 'SESSION_ID', 'GROUP']) PLAIN.add(`${side}_TLS_${name}`);
  for (const bytes of ['WIRE', 'HEADER', 'DECOMPRESSED_HEADER']) {
    for (const way of ['SENT', 'RECEIVED']) PLAIN.add(`${side}_${bytes}_BYTES_${way}`);
  }
}

interface Arguments {
  /** Of what stands between the parentheses; '' also without any. */
  readonly pattern: RegExp;
  /** Whether `:N` may follow. */
  readonly length?: boolean;
}

const TIME: Arguments = { pattern: /^/ };
const HEADER: Arguments = { pattern: /./, length: true };
const ADDRESS: Arguments = { pattern: /^(?:|\d|[1-9]\d|1[01]\d|12[0-8])$/ };

const WITH_ARGUMENT: ReadonlyMap<string, Arguments> = new Map([
  ...['START_TIME', 'START_TIME_LOCAL', 'EMIT_TIME', 'EMIT_TIME_LOCAL'].map((name) => [name, TIME] as const),
  ...['UPSTREAM', 'DOWNSTREAM'].flatMap((side) =>
    ['START', 'END'].map((end) => [`${side}_PEER_CERT_V_${end}`, TIME] as const),
  ),
  ...['REQ', 'REQUEST_HEADER', 'RESP', 'RESPONSE_HEADER', 'TRAILER', 'RESPONSE_TRAILER'].map(
    (name) => [name, HEADER] as const,
  ),
  ...['UPSTREAM_LOCAL', 'UPSTREAM_REMOTE', 'DOWNSTREAM_LOCAL', 'DOWNSTREAM_REMOTE', 'DOWNSTREAM_DIRECT_LOCAL'].map(
    (end) => [`${end}_ADDRESS_WITHOUT_PORT`, ADDRESS] as const,
  ),
  ['DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT', ADDRESS],
  ['RESPONSE_CODE_DETAILS', { pattern: /^(?:|ALLOW_WHITESPACES)$/ }],
  ['GRPC_STATUS', { pattern: /^(?:|CAMEL_STRING|SNAKE_STRING|NUMBER)$/ }],
  ['ENVIRONMENT', HEADER],
  ['QUERY_PARAM', HEADER],
  ['QUERY_PARAMS', { pattern: /^(?:|ORIG|DECODED)$/, length: true }],
  ['PATH', { pattern: /^(?:|(?:WQ|NQ)(?::(?:ORIG|PATH|ORIG_OR_PATH))?)$/, length: true }],
  ['REQUESTED_SERVER_NAME', { pattern: /^(?:|(?:SNI_ONLY|SNI_FIRST|HOST_FIRST)(?::(?:ORIG|HOST|ORIG_OR_HOST))?)$/ }],
  ['COMMON_DURATION', { pattern: /^[^:]+:[^:]+:(?:ms|us|ns)$/ }],
  ['DYNAMIC_METADATA', { pattern: /^[^:]/, length: true }],
  ['CLUSTER_METADATA', { pattern: /^[^:]/ }],
  ['UPSTREAM_METADATA', { pattern: /^[^:]/ }],
  [
    'METADATA',
    { pattern: /^(?:DYNAMIC|CLUSTER|ROUTE|UPSTREAM_HOST|LISTENER|LISTENER_FILTER_CHAIN|VIRTUAL_HOST):[^:]/ },
  ],
  ['FILTER_STATE', { pattern: /^[^:]+(?::(?:PLAIN|TYPED|FIELD:.+))?$/, length: true }],
  ['UPSTREAM_FILTER_STATE', { pattern: /^[^:]+(?::(?:PLAIN|TYPED|FIELD:.+))?$/, length: true }],
]);

/** Those that only logs know. */
const IN_LOGS: ReadonlyMap<string, Arguments> = new Map([
  ['REQ_WITHOUT_QUERY', HEADER],
  ['CEL', HEADER],
  ['TYPED_CEL', HEADER],
]);

/** Whether Envoy and our proxy both take `format` in a log; one that they refuse would hold up all that it is sent with. */
export function isLogFormat(format: string): boolean {
  return isFormat(format, (name, argument) =>
    name.endsWith('CEL') && argument !== '' && checkExpression(argument)?.level === 'error'
      ? undefined
      : IN_LOGS.get(name),
  );
}

/** The same for a header. */
export function isSubstitutionFormat(format: string): boolean {
  return isFormat(format, () => undefined);
}

function isFormat(format: string, more: (name: string, argument: string) => Arguments | undefined): boolean {
  for (const [, name, parentheses, length] of format.matchAll(OPERATOR)) {
    if (name === undefined) continue;
    const argument = parentheses?.slice(1, -1) ?? '';
    if (PLAIN.has(name)) {
      if (parentheses !== undefined || length !== undefined) return false;
      continue;
    }
    const known = WITH_ARGUMENT.get(name) ?? more(name, argument);
    if (known === undefined || !known.pattern.test(argument)) return false;
    if (length !== undefined && known.length !== true) return false;
  }
  return !format.replace(OPERATOR, '').includes('%');
}

/** `format` as it is, or, where it is none, as the text that it shows. */
export function substitutionFormat(format: string): string {
  return isSubstitutionFormat(format) ? format : asText(format);
}

export function logFormat(format: string): string {
  return isLogFormat(format) ? format : asText(format);
}

function asText(format: string): string {
  return format.replaceAll('%', '%%');
}
