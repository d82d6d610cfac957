import type { CommonTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CommonTlsContext.js';
import type { DownstreamTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/DownstreamTlsContext.js';
import type { UpstreamTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/UpstreamTlsContext.js';
import type { Issues } from '../snapshot/issues.js';
import { compileCertificates } from './compile-certificate.js';
import { compileParameters } from './compile-parameters.js';
import { compileValidation } from './compile-validation.js';
import type { DownstreamTls, SecretRef, UpstreamTls } from './context.js';

/** Compiles a DownstreamTlsContext (envoy.extensions.transport_sockets.tls.v3); undefined after an error. */
export function compileDownstreamTls(message: DownstreamTlsContext__Output, issues: Issues): DownstreamTls | undefined {
  const before = issues.errors.length;
  if (message.require_sni?.value === true) issues.at('require_sni').error('is not supported');
  issues.refuse(message, ['session_ticket_keys_sds_secret_config']);
  if (message.ocsp_staple_policy !== 'LENIENT_STAPLING') issues.refuse(message, ['ocsp_staple_policy']);
  issues.ignore(message, [
    'disable_stateless_session_resumption',
    'disable_stateful_session_resumption',
    'session_timeout',
    'full_scan_certs_on_sni_mismatch',
  ]);
  const { common, more } = compileCommon(message.common_tls_context, issues.at('common_tls_context'));
  const requireClientCertificate = message.require_client_certificate?.value ?? false;
  if (common.certificate.kind === 'none') issues.at('common_tls_context').error('no certificate is given');
  if (requireClientCertificate && common.validation.roots.kind === 'none') {
    issues.at('require_client_certificate').error('needs a validation context with trusted_ca');
  }
  return issues.errors.length > before ? undefined : { ...common, moreCertificates: more, requireClientCertificate };
}

/** Compiles an UpstreamTlsContext (envoy.extensions.transport_sockets.tls.v3); undefined after an error. */
export function compileUpstreamTls(message: UpstreamTlsContext__Output, issues: Issues): UpstreamTls | undefined {
  const before = issues.errors.length;
  issues.refuse(message, ['allow_renegotiation']);
  issues.ignore(message, ['max_session_keys', 'enforce_rsa_key_usage']);
  const at = issues.at('common_tls_context');
  const { common, more } = compileCommon(message.common_tls_context, at);
  if (more.length > 0) at.error('a client with more than one certificate is not supported');
  if (common.validation.acceptsUntrusted === true) at.error('a server that nobody vouches for is not accepted');
  return issues.errors.length > before ? undefined : { ...common, sni: message.sni ?? '' };
}

/** Keys of the secrets that TLS settings name, for warming and for subscriptions. */
export function secretKeysOf(tls: DownstreamTls | UpstreamTls): string[] {
  const keys: string[] = [];
  for (const certificate of certificatesOf(tls)) if (certificate.kind === 'sds') keys.push(certificate.name);
  if (tls.validation.roots.kind === 'sds') keys.push(tls.validation.roots.name);
  return keys;
}

export function certificatesOf(tls: DownstreamTls | UpstreamTls): readonly SecretRef[] {
  return 'moreCertificates' in tls ? [tls.certificate, ...(tls.moreCertificates ?? [])] : [tls.certificate];
}

interface CommonTls {
  readonly common: Omit<UpstreamTls, 'sni'>;
  /** Certificates after the first. */
  readonly more: readonly SecretRef[];
}

function compileCommon(common: CommonTlsContext__Output = {}, issues: Issues): CommonTls {
  issues.refuse(common, ['tls_certificate_provider_instance', 'custom_handshaker']);
  const validation = compileValidation(common, issues);
  if (validation.roots.kind === 'none' && (validation.subjectAltNames.length > 0 || validation.pins !== undefined)) {
    issues.error('names of a peer prove nothing without trusted_ca');
  }
  const [certificate = { kind: 'none' as const }, ...more] = compileCertificates(common, issues);
  return {
    common: {
      parameters: compileParameters(common.tls_params, issues.at('tls_params')),
      certificate,
      validation,
      alpn: common.alpn_protocols ?? [],
    },
    more,
  };
}
