import { EXTENSION } from '../../../common/xds/type-urls.js';
import type { TransportSocket } from '../../../proto/gen/envoy/config/core/v3/TransportSocket.js';
import type { CertificateValidationContext } from '../../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CertificateValidationContext.js';
import type { CommonTlsContext } from '../../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CommonTlsContext.js';
import type { SubjectAltNameMatcher } from '../../../proto/gen/envoy/extensions/transport_sockets/tls/v3/SubjectAltNameMatcher.js';
import type { TlsParameters } from '../../../proto/gen/envoy/extensions/transport_sockets/tls/v3/TlsParameters.js';
import type { ServerTlsSettings } from '../../api/kinds/gateway.js';
import type { MeshSettings } from '../../model/mesh-settings.js';
import { any, bool, meshRoots, ownCertificate } from '../messages.js';
import { credentialResource, credentialSecret, rootsOfCredential } from '../secrets.js';
import { trustDomainMatchers } from '../upstream-tls.js';

type Mode = NonNullable<ServerTlsSettings['mode']>;

const VERIFYING: ReadonlySet<Mode> = new Set<Mode>(['MUTUAL', 'OPTIONAL_MUTUAL', 'ISTIO_MUTUAL']);

/** How TLS ends at a server of a gateway. */
export function serverSocket(tls: ServerTlsSettings, alpn: readonly string[], settings: MeshSettings): TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: any(EXTENSION.downstreamTls, {
      common_tls_context: {
        tls_params: parameters(tls, settings),
        ...certificates(tls),
        ...clientVerification(tls, settings),
        ...(alpn.length > 0 && { alpn_protocols: [...alpn] }),
      },
      require_client_certificate: bool(tls.mode === 'MUTUAL' || tls.mode === 'ISTIO_MUTUAL'),
    }),
  };
}

/** Names of credentials with a server's certificates; empty where files or the mesh give it. */
export function serverCredentials({
  mode,
  credentialName,
  credentialNames = [],
}: ServerTlsSettings): readonly string[] {
  if (mode === 'ISTIO_MUTUAL') return [];
  return credentialNames.length > 0 ? credentialNames : given(credentialName);
}

/** Name of the credential by which clients are verified. */
export function clientCredential(tls: ServerTlsSettings): string | undefined {
  const { mode, caCertCredentialName } = tls;
  if (mode !== 'MUTUAL' && mode !== 'OPTIONAL_MUTUAL') return undefined;
  if (caCertCredentialName !== undefined && caCertCredentialName !== '') return caCertCredentialName;
  const [first] = serverCredentials(tls);
  return first === undefined ? undefined : rootsOfCredential(first);
}

/** SDS names of all that a server needs, so that it can be asked for. */
export function credentialResources(tls: ServerTlsSettings): readonly string[] {
  const client = clientCredential(tls);
  return [
    ...serverCredentials(tls).map(credentialResource),
    ...(client === undefined ? [] : [credentialResource(client)]),
  ];
}

/** Whether anything says which certificate a server shows. */
export function namesCertificate(tls: ServerTlsSettings): boolean {
  const files = tls.tlsCertificates ?? [tls];
  return (
    tls.mode === 'ISTIO_MUTUAL' ||
    serverCredentials(tls).length > 0 ||
    files.every(({ serverCertificate, privateKey }) => Boolean(serverCertificate) && Boolean(privateKey))
  );
}

function given(name: string | undefined): readonly string[] {
  return name === undefined || name === '' ? [] : [name];
}

function certificates(tls: ServerTlsSettings): CommonTlsContext {
  if (tls.mode === 'ISTIO_MUTUAL') return { tls_certificate_sds_secret_configs: [ownCertificate] };
  const credentials = serverCredentials(tls);
  if (credentials.length > 0) return { tls_certificate_sds_secret_configs: credentials.map(credentialSecret) };
  const files = tls.tlsCertificates ?? [tls];
  return {
    tls_certificates: files.map(({ serverCertificate = '', privateKey = '' }) => ({
      certificate_chain: { filename: serverCertificate },
      private_key: { filename: privateKey },
    })),
  };
}

function clientVerification(tls: ServerTlsSettings, settings: MeshSettings): CommonTlsContext {
  const { mode } = tls;
  if (mode === undefined || !VERIFYING.has(mode)) return {};
  const names = tls.subjectAltNames ?? [];
  if (mode === 'ISTIO_MUTUAL') {
    const matchers = names.length > 0 ? names.map(exactName) : trustDomainMatchers(settings);
    return {
      combined_validation_context: {
        default_validation_context: { match_typed_subject_alt_names: matchers },
        validation_context_sds_secret_config: meshRoots,
      },
    };
  }
  const expected: CertificateValidationContext = {
    ...(names.length > 0 && { match_typed_subject_alt_names: names.map(exactName) }),
    ...pins(tls),
    ...(tls.caCrl !== undefined && tls.caCrl !== '' && { crl: { filename: tls.caCrl } }),
    // Asked of every client, believed of whoever shows one.
    ...(tls.insecureSkipVerify === true && { trust_chain_verification: 'ACCEPT_UNTRUSTED' as const }),
  };
  const client = clientCredential(tls);
  if (client !== undefined) {
    return {
      combined_validation_context: {
        default_validation_context: expected,
        validation_context_sds_secret_config: credentialSecret(client),
      },
    };
  }
  const file = tls.caCertificates ?? tls.tlsCertificates?.[0]?.caCertificates;
  return { validation_context: { ...expected, ...(file !== undefined && { trusted_ca: { filename: file } }) } };
}

function pins({
  verifyCertificateSpki = [],
  verifyCertificateHash = [],
}: ServerTlsSettings): CertificateValidationContext {
  return {
    ...(verifyCertificateSpki.length > 0 && { verify_certificate_spki: [...verifyCertificateSpki] }),
    ...(verifyCertificateHash.length > 0 && { verify_certificate_hash: [...verifyCertificateHash] }),
  };
}

function exactName(name: string): SubjectAltNameMatcher {
  return { san_type: name.includes('://') ? 'URI' : 'DNS', matcher: { exact: name } };
}

function parameters(tls: ServerTlsSettings, { tlsDefaults }: MeshSettings): TlsParameters {
  const ciphers = tls.cipherSuites ?? tlsDefaults.cipherSuites;
  const curves = tls.ecdhCurves ?? tlsDefaults.ecdhCurves;
  return {
    tls_minimum_protocol_version: version(tls.minProtocolVersion) ?? 'TLSv1_2',
    tls_maximum_protocol_version: version(tls.maxProtocolVersion) ?? 'TLSv1_3',
    ...(ciphers.length > 0 && { cipher_suites: [...ciphers] }),
    ...(curves.length > 0 && { ecdh_curves: [...curves] }),
  };
}

const VERSIONS = { TLSV1_0: 'TLSv1_0', TLSV1_1: 'TLSv1_1', TLSV1_2: 'TLSv1_2', TLSV1_3: 'TLSv1_3' } as const;

function version(written: ServerTlsSettings['minProtocolVersion']): TlsParameters['tls_minimum_protocol_version'] {
  return written === undefined || written === 'TLS_AUTO' ? undefined : VERSIONS[written];
}
