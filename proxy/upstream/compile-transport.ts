import { messageOf } from '../../common/runtime/errors.js';
import { fromStruct, type StructMessage } from '../../common/xds/struct.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type {
  Cluster,
  _envoy_config_cluster_v3_Cluster_TransportSocketMatch as SocketMatch,
} from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { TransportSocket } from '../../proto/gen/envoy/config/core/v3/TransportSocket.js';
import type { ProxyProtocolUpstreamTransport } from '../../proto/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/ProxyProtocolUpstreamTransport.js';
import type { UpstreamTlsContext } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/UpstreamTlsContext.js';
import type { UpstreamTls } from '../tls/context.js';
import type { TransportChoice, TransportConfig, TransportMatch } from './cluster-config.js';
import { scalarText } from './compile-endpoints.js';
import { type FieldReport, isRecord } from './fields.js';

/** Compiles an UpstreamTlsContext; throws an Error that says what is wrong with it. */
export type CompileUpstreamTls = (message: UpstreamTlsContext) => UpstreamTls;

export const PLAINTEXT: TransportChoice = { tls: undefined };

/** transport_socket and transport_socket_matches of a cluster. */
export function compileTransport(
  message: Cluster,
  compileTls: CompileUpstreamTls,
  report: FieldReport,
): TransportConfig {
  const matches = message.transport_socket_matches ?? [];
  return {
    fallback: compileSocket(message.transport_socket, 'transport_socket', compileTls, report),
    matches: matches.map((match, index) =>
      compileMatch(match, `transport_socket_matches[${index}]`, compileTls, report),
    ),
    fingerprint: JSON.stringify([
      message.transport_socket ?? null,
      matches,
      message.upstream_connection_options ?? null,
    ]),
  };
}

function compileMatch(
  message: SocketMatch,
  path: string,
  compileTls: CompileUpstreamTls,
  report: FieldReport,
): TransportMatch {
  const match = message.match === undefined || message.match === null ? {} : fromStruct(message.match as StructMessage);
  const criteria = isRecord(match) ? Object.entries(match) : [];
  return {
    name: message.name ?? '',
    criteria: new Map(criteria.map(([key, value]) => [key, scalarText(value)])),
    ...compileSocket(message.transport_socket, `${path}.transport_socket`, compileTls, report),
  };
}

function compileSocket(
  message: TransportSocket | null | undefined,
  path: string,
  compileTls: CompileUpstreamTls,
  report: FieldReport,
): TransportChoice {
  if (message === undefined || message === null) return PLAINTEXT;
  const config = message.typed_config as ({ readonly '@type'?: string } & object) | null | undefined;
  const type = config?.['@type'];
  if (type === EXTENSION.rawBuffer || (type === undefined && message.name === 'envoy.transport_sockets.raw_buffer')) {
    return PLAINTEXT;
  }
  if (config !== undefined && config !== null && type === EXTENSION.upstreamProxyProtocol) {
    const { config: settings, transport_socket: inner } = config as ProxyProtocolUpstreamTransport;
    const choice = compileSocket(inner, `${path}.typed_config.transport_socket`, compileTls, report);
    return { ...choice, proxyProtocol: settings?.version === 'V2' ? 2 : 1 };
  }
  if (config === undefined || config === null || type !== EXTENSION.upstreamTls) {
    report.error(path, `transport socket not supported: ${type ?? message.name ?? 'without a type'}`);
    return PLAINTEXT;
  }
  try {
    return { tls: compileTls(config as UpstreamTlsContext) };
  } catch (error) {
    report.error(`${path}.typed_config`, messageOf(error));
    return PLAINTEXT;
  }
}

/** The transport for an endpoint with this `envoy.transport_socket_match` metadata. */
export function chooseTransport(config: TransportConfig, metadata: ReadonlyMap<string, string>): TransportChoice {
  for (const match of config.matches) {
    let fits = true;
    for (const [key, value] of match.criteria) fits &&= metadata.get(key) === value;
    if (fits) return match;
  }
  return config.fallback;
}
