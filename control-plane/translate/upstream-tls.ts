import { formatSpiffeId } from '../../common/identity/spiffe.js';
import { MESH_ALPN } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { TransportSocket } from '../../proto/gen/envoy/config/core/v3/TransportSocket.js';
import type { CertificateValidationContext } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CertificateValidationContext.js';
import type { CommonTlsContext } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CommonTlsContext.js';
import type { SubjectAltNameMatcher } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/SubjectAltNameMatcher.js';
import type { HttpProtocolOptions } from '../../proto/gen/envoy/extensions/upstreams/http/v3/HttpProtocolOptions.js';
import type { ClientTlsSettings, TrafficPolicy } from '../api/kinds/destination-rule.js';
import { federatedTrustDomains, type MeshSettings, ownTrustDomains } from '../model/mesh-settings.js';
import { isHttp2, type Protocol, type Service, type Workload } from '../model/service.js';
import type { HttpHop } from './connection-pool.js';
import { any, meshRoots, ownCertificate, struct } from './messages.js';
import { credentialSecret, rootsOfCredential } from './secrets.js';

export const TLS_MODE_KEY = 'envoy.transport_socket_match';

/** Whether a workload whose sidecar is not ours to see says by Istio's label that it has one. */
export function saysMeshTls({ sidecar, labels }: Workload): boolean {
  return sidecar === undefined && labels['security.istio.io/tlsMode'] === 'istio';
}

const rawBuffer: TransportSocket = {
  name: 'envoy.transport_sockets.raw_buffer',
  typed_config: any(EXTENSION.rawBuffer),
};

export interface TlsTarget {
  readonly service: Service;
  readonly port: number;
  readonly subset: string;
  readonly protocol: Protocol;
  readonly hop: HttpHop;
  /** Whether the client can put many requests on one connection. */
  readonly multiplexed: boolean;
}

/** How a cluster connects: as its DestinationRule says, else mTLS to the endpoints that offer it. */
export function upstreamTls(
  target: TlsTarget,
  tls: ClientTlsSettings | undefined,
  settings: MeshSettings,
  proxyProtocol?: TrafficPolicy['proxyProtocol'],
): Partial<Cluster> {
  const sockets = socketsOf(target, tls, settings);
  return proxyProtocol === undefined ? sockets : announced(sockets, proxyProtocol.version ?? 'V1');
}

function socketsOf(target: TlsTarget, tls: ClientTlsSettings | undefined, settings: MeshSettings): Partial<Cluster> {
  if (tls === undefined) return automatic(target, settings);
  switch (tls.mode ?? 'DISABLE') {
    case 'DISABLE':
      return {};
    case 'ISTIO_MUTUAL':
      return { transport_socket: meshSocket(target, tls, settings) };
    default:
      return { transport_socket: ordinarySocket(target, tls, settings) };
  }
}

/** Every socket tells by the PROXY protocol who the client was, before anything else. */
function announced(fields: Partial<Cluster>, version: 'V1' | 'V2'): Partial<Cluster> {
  const wrap = (socket: TransportSocket | null | undefined): TransportSocket => ({
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    typed_config: any(EXTENSION.upstreamProxyProtocol, { config: { version }, transport_socket: socket ?? rawBuffer }),
  });
  const matches = fields.transport_socket_matches;
  if (matches === undefined) return { ...fields, transport_socket: wrap(fields.transport_socket) };
  return {
    ...fields,
    transport_socket_matches: matches.map((match) => ({ ...match, transport_socket: wrap(match.transport_socket) })),
  };
}

function automatic(target: TlsTarget, settings: MeshSettings): Partial<Cluster> {
  if (!settings.autoMtls || target.service.external) return {};
  return {
    transport_socket_matches: [
      {
        name: 'tlsMode-istio',
        match: struct({ tlsMode: 'istio' }),
        transport_socket: meshSocket(target, undefined, settings),
      },
      { name: 'tlsMode-disabled', match: { fields: {} }, transport_socket: rawBuffer },
    ],
  };
}

/** Server name by which a mesh client says which service, port and subset it means. */
export function meshSni(
  target: Pick<TlsTarget, 'port' | 'subset'> & { readonly service: { readonly host: string } },
): string {
  return `outbound_.${target.port}_.${target.subset}_.${target.service.host}`;
}

function meshSocket(target: TlsTarget, tls: ClientTlsSettings | undefined, settings: MeshSettings): TransportSocket {
  const named = tls?.subjectAltNames ?? [];
  const sans = named.length > 0 ? named : meshIdentities(target.service, settings);
  return tlsSocket({
    sni: tls?.sni ?? meshSni(target),
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      tls_certificate_sds_secret_configs: [ownCertificate],
      combined_validation_context: {
        default_validation_context: {
          match_typed_subject_alt_names: sans.length > 0 ? sans.map(exactUri) : trustDomainMatchers(settings),
        },
        validation_context_sds_secret_config: meshRoots,
      },
      alpn_protocols: offered(target),
    },
  });
}

/** What a client of this hop can go on to speak. */
function offered({ protocol, hop, multiplexed }: TlsTarget): string[] {
  if (protocol === 'tcp' || protocol === 'tls') return [MESH_ALPN];
  if (hop === 'http2') return [MESH_ALPN, 'h2'];
  // Envoy would offer both on either kind of connection, and might get the other one.
  return hop === 'downstream' && !multiplexed ? [MESH_ALPN] : alpnOf(protocol, multiplexed);
}

/** What mesh clients offer: the mesh's mark first, then what the connection carries. */
export function alpnOf(protocol: Protocol, multiplexed: boolean): string[] {
  switch (protocol) {
    case 'tcp':
    case 'tls':
      return [MESH_ALPN];
    case 'http2':
    case 'grpc':
    case 'grpc-web':
      return [MESH_ALPN, 'h2'];
    default:
      return multiplexed ? [MESH_ALPN, 'h2', 'http/1.1'] : [MESH_ALPN, 'http/1.1'];
  }
}

/** What mesh servers prefer: what the connection carries; the mark is looked for in the ClientHello. */
export function serverAlpn(protocol: Protocol, multiplexed: boolean): string[] {
  const [mark = MESH_ALPN, ...carried] = alpnOf(protocol, multiplexed);
  // An Envoy takes HTTP/2 from who speaks nothing else (h2UpgradePolicy), and goes by what it has answered here.
  const only = carried.length > 0 && !carried.includes('h2') ? ['h2'] : [];
  return [...carried, ...only, mark];
}

/** SPIFFE IDs under which the endpoints of a service may answer. */
function meshIdentities(service: Service, settings: MeshSettings): string[] {
  const ids = new Set(service.subjectAltNames);
  for (const { workload } of service.endpoints) {
    // A pod without a sidecar may be a gateway.
    if (workload.sidecar === undefined && workload.pod === undefined && !saysMeshTls(workload)) continue;
    const { namespace, serviceAccount } = workload;
    for (const trustDomain of [settings.trustDomain, ...settings.trustDomainAliases]) {
      ids.add(formatSpiffeId({ trustDomain, namespace, serviceAccount }));
    }
  }
  return [...ids].sort();
}

function exactUri(uri: string): SubjectAltNameMatcher {
  return { san_type: uri.includes('://') ? 'URI' : 'DNS', matcher: { exact: uri } };
}

/** Any identity of the mesh, and of those that it is federated with: their own roots vouch for those. */
export function trustDomainMatchers(settings: MeshSettings): SubjectAltNameMatcher[] {
  return [...ownTrustDomains(settings), ...federatedTrustDomains(settings)].map((trustDomain) => ({
    san_type: 'URI',
    matcher: { prefix: `spiffe://${trustDomain}/` },
  }));
}

/** A wildcard host whose rule names no server: the name is the one that each request asks for, in TLS and in the certificate. */
export function namesByRequest(target: TlsTarget, tls: ClientTlsSettings | undefined): HttpProtocolOptions {
  const ordinary = tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL';
  if (!ordinary || tls.sni !== undefined || !target.service.host.startsWith('*')) return {};
  const checked = tls.insecureSkipVerify !== true && expectedNames(target, tls, undefined).length === 0;
  return { upstream_http_protocol_options: { auto_sni: true, ...(checked && { auto_san_validation: true }) } };
}

/** TLS as any client speaks it, with files or a Secret for certificates (DestinationRule tls SIMPLE and MUTUAL). */
function ordinarySocket(target: TlsTarget, tls: ClientTlsSettings, { tlsDefaults }: MeshSettings): TransportSocket {
  const sni = tls.sni ?? (target.service.host.startsWith('*') ? undefined : target.service.host);
  const sans = expectedNames(target, tls, sni);
  const names: CertificateValidationContext = {
    ...(sans.length > 0 && { match_typed_subject_alt_names: sans.map(exactUri) }),
    ...(tls.caCrl !== undefined && tls.caCrl !== '' && { crl: { filename: tls.caCrl } }),
  };
  const h2 = isHttp2(target.protocol) || target.hop === 'http2';
  return tlsSocket({
    ...(sni !== undefined && { sni }),
    common_tls_context: {
      tls_params: {
        tls_minimum_protocol_version: 'TLSv1_2',
        tls_maximum_protocol_version: 'TLSv1_3',
        ...(tlsDefaults.ecdhCurves.length > 0 && { ecdh_curves: [...tlsDefaults.ecdhCurves] }),
        ...(tlsDefaults.cipherSuites.length > 0 && { cipher_suites: [...tlsDefaults.cipherSuites] }),
      },
      ...ownCredential(tls),
      ...(tls.insecureSkipVerify !== true && verification(tls, names)),
      ...(h2 && { alpn_protocols: ['h2'] }),
    },
  });
}

function ownCredential(tls: ClientTlsSettings): CommonTlsContext {
  if (tls.mode !== 'MUTUAL') return {};
  if (hasCredential(tls)) return { tls_certificate_sds_secret_configs: [credentialSecret(tls.credentialName)] };
  const { clientCertificate, privateKey } = tls;
  if (clientCertificate === undefined || privateKey === undefined) return {};
  return {
    tls_certificates: [{ certificate_chain: { filename: clientCertificate }, private_key: { filename: privateKey } }],
  };
}

function verification(tls: ClientTlsSettings, names: CertificateValidationContext): CommonTlsContext {
  if (!hasCredential(tls)) {
    return { validation_context: { ...names, trusted_ca: { filename: tls.caCertificates ?? SYSTEM_ROOTS } } };
  }
  return {
    combined_validation_context: {
      default_validation_context: names,
      validation_context_sds_secret_config: credentialSecret(rootsOfCredential(tls.credentialName)),
    },
  };
}

function hasCredential(tls: ClientTlsSettings): tls is ClientTlsSettings & { readonly credentialName: string } {
  return tls.credentialName !== undefined && tls.credentialName !== '';
}

/** The rule's names, else the service's; where neither says, the server must be who was asked for. */
function expectedNames(target: TlsTarget, tls: ClientTlsSettings, sni: string | undefined): readonly string[] {
  const names = tls.subjectAltNames ?? [];
  if (names.length > 0) return names;
  if (target.service.subjectAltNames.length > 0) return target.service.subjectAltNames;
  return sni === undefined ? [] : [sni];
}

/** Where Debian and Alpine keep the system's roots; Istio's `system` secret stands for the same file. */
const SYSTEM_ROOTS = '/etc/ssl/certs/ca-certificates.crt';

function tlsSocket(context: object): TransportSocket {
  return { name: 'envoy.transport_sockets.tls', typed_config: any(EXTENSION.upstreamTls, context) };
}
