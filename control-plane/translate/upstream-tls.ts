import { formatSpiffeId } from '../../common/identity/spiffe.js';
import { MESH_ALPN } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { TransportSocket } from '../../proto/gen/envoy/config/core/v3/TransportSocket.js';
import type { CertificateValidationContext } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CertificateValidationContext.js';
import type { SubjectAltNameMatcher } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/SubjectAltNameMatcher.js';
import type { ClientTlsSettings } from '../api/kinds/destination-rule.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import type { Protocol, Service } from '../model/service.js';
import { any, meshRoots, ownCertificate, struct } from './messages.js';

export const TLS_MODE_KEY = 'envoy.transport_socket_match';

const rawBuffer: TransportSocket = {
  name: 'envoy.transport_sockets.raw_buffer',
  typed_config: any(EXTENSION.rawBuffer),
};

export interface TlsTarget {
  readonly service: Service;
  readonly port: number;
  readonly subset: string;
  readonly protocol: Protocol;
  /** Whether the client can put many requests on one connection. */
  readonly multiplexed: boolean;
}

/** How a cluster connects: as its DestinationRule says, else mTLS to the endpoints that offer it. */
export function upstreamTls(
  target: TlsTarget,
  tls: ClientTlsSettings | undefined,
  settings: MeshSettings,
): Partial<Cluster> {
  if (tls === undefined) return automatic(target, settings);
  switch (tls.mode ?? 'DISABLE') {
    case 'DISABLE':
      return {};
    case 'ISTIO_MUTUAL':
      return { transport_socket: meshSocket(target, tls, settings) };
    default:
      return { transport_socket: ordinarySocket(target, tls) };
  }
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
      alpn_protocols: alpnOf(target.protocol, target.multiplexed),
    },
  });
}

/** What mesh clients offer: the mesh's mark first, then what the connection carries. */
export function alpnOf(protocol: Protocol, multiplexed: boolean): string[] {
  switch (protocol) {
    case 'tcp':
    case 'tls':
      return [MESH_ALPN];
    case 'http2':
    case 'grpc':
      return [MESH_ALPN, 'h2'];
    default:
      return multiplexed ? [MESH_ALPN, 'h2', 'http/1.1'] : [MESH_ALPN, 'http/1.1'];
  }
}

/** What mesh servers prefer: what the connection carries; the mark is looked for in the ClientHello. */
export function serverAlpn(protocol: Protocol, multiplexed: boolean): string[] {
  const [mark = MESH_ALPN, ...carried] = alpnOf(protocol, multiplexed);
  return [...carried, mark];
}

/** SPIFFE IDs under which the endpoints of a service may answer. */
function meshIdentities(service: Service, settings: MeshSettings): string[] {
  const ids = new Set(service.subjectAltNames);
  for (const { workload } of service.endpoints) {
    if (workload.sidecar === undefined) continue;
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

/** Any identity of the mesh. */
export function trustDomainMatchers(settings: MeshSettings): SubjectAltNameMatcher[] {
  return [settings.trustDomain, ...settings.trustDomainAliases].map((trustDomain) => ({
    san_type: 'URI',
    matcher: { prefix: `spiffe://${trustDomain}/` },
  }));
}

/** TLS as any client speaks it, with files for certificates (DestinationRule tls SIMPLE and MUTUAL). */
function ordinarySocket(target: TlsTarget, tls: ClientTlsSettings): TransportSocket {
  const sni = tls.sni ?? (target.service.host.startsWith('*') ? undefined : target.service.host);
  const sans = expectedNames(target, tls, sni);
  const verify = tls.insecureSkipVerify !== true;
  const context: CertificateValidationContext = {
    trusted_ca: { filename: tls.caCertificates ?? SYSTEM_ROOTS },
    ...(sans.length > 0 && { match_typed_subject_alt_names: sans.map(exactUri) }),
  };
  const mutual = tls.mode === 'MUTUAL' && tls.clientCertificate !== undefined && tls.privateKey !== undefined;
  const h2 = target.protocol === 'http2' || target.protocol === 'grpc';
  return tlsSocket({
    ...(sni !== undefined && { sni }),
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      ...(mutual && {
        tls_certificates: [
          { certificate_chain: { filename: tls.clientCertificate }, private_key: { filename: tls.privateKey } },
        ],
      }),
      ...(verify && { validation_context: context }),
      ...(h2 && { alpn_protocols: ['h2'] }),
    },
  });
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
