/** Envoy's reason while a certificate or its roots have not come. */
export const SECRET_MISSING = 'TLS_error:|Secret is not supplied by SDS:TLS_error_end';

/** Envoy's form of a failed verification, in `%UPSTREAM_TRANSPORT_FAILURE_REASON%` and its downstream twin. */
export function certificateError(reason: string): string {
  return `TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify cert failed: ${reason}:TLS_error_end`;
}

/** Envoy's form of any other failed handshake, with our library's reason. */
export function tlsErrorDetail(error: Error): string {
  const reason: unknown = Reflect.get(error, 'reason');
  const text = typeof reason === 'string' ? reason.toUpperCase().replaceAll(' ', '_') : error.message.trim();
  return `TLS_error:|SSL routines:OPENSSL_internal:${text}:TLS_error_end`;
}

/** The counter below `listener.ADDRESS.` that Envoy has for a failed handshake of a client. */
export function handshakeCounter(
  detail: string,
): 'ssl.connection_error' | 'ssl.fail_verify_no_cert' | 'ssl.fail_verify_error' | 'ssl.fail_verify_san' {
  if (/did[ _]not[ _]return[ _]a[ _]certificate/i.test(detail)) return 'ssl.fail_verify_no_cert';
  if (/verify SAN list|URI SAN/.test(detail)) return 'ssl.fail_verify_san';
  return /CERTIFICATE_VERIFY_FAILED/.test(detail) ? 'ssl.fail_verify_error' : 'ssl.connection_error';
}
