import type { CommonTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CommonTlsContext.js';
import type { DownstreamTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/DownstreamTlsContext.js';
import type { UpstreamTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/UpstreamTlsContext.js';
import type { Issues } from '../snapshot/issues.js';
import { compileCertificate } from './compile-certificate.js';
import { compileParameters } from './compile-parameters.js';
import { compileValidation } from './compile-validation.js';
import type { DownstreamTls, UpstreamTls } from './context.js';

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
  const common = compileCommon(message.common_tls_context, issues.at('common_tls_context'));
  const requireClientCertificate = message.require_client_certificate?.value ?? false;
  if (common.certificate.kind === 'none') issues.at('common_tls_context').error('no certificate is given');
  if (requireClientCertificate && common.validation.roots.kind === 'none') {
    issues.at('require_client_certificate').error('needs a validation context with trusted_ca');
  }
  return issues.errors.length > before ? undefined : { ...common, requireClientCertificate };
}

/** Compiles an UpstreamTlsContext (envoy.extensions.transport_sockets.tls.v3); undefined after an error. */
export function compileUpstreamTls(message: UpstreamTlsContext__Output, issues: Issues): UpstreamTls | undefined {
  const before = issues.errors.length;
  issues.refuse(message, ['allow_renegotiation']);
  issues.ignore(message, ['max_session_keys', 'enforce_rsa_key_usage']);
  const common = compileCommon(message.common_tls_context, issues.at('common_tls_context'));
  return issues.errors.length > before ? undefined : { ...common, sni: message.sni ?? '' };
}

/** Keys of the secrets that TLS settings name, for warming and for subscriptions. */
export function secretKeysOf(tls: DownstreamTls | UpstreamTls): string[] {
  const keys: string[] = [];
  if (tls.certificate.kind === 'sds') keys.push(tls.certificate.name);
  if (tls.validation.roots.kind === 'sds') keys.push(tls.validation.roots.name);
  return keys;
}

function compileCommon(common: CommonTlsContext__Output = {}, issues: Issues): Omit<UpstreamTls, 'sni'> {
  issues.refuse(common, ['tls_certificate_provider_instance', 'custom_handshaker']);
  const validation = compileValidation(common, issues);
  if (validation.roots.kind === 'none' && validation.subjectAltNames.length > 0) {
    issues.error('names of a peer prove nothing without trusted_ca');
  }
  return {
    parameters: compileParameters(common.tls_params, issues.at('tls_params')),
    certificate: compileCertificate(common, issues),
    validation,
    alpn: common.alpn_protocols ?? [],
  };
}
