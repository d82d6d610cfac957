import type { ValidationSettings } from './context.js';
import type { PeerCertificate } from './peer.js';

/**
 * What is wrong with a peer whose chain was verified by the TLS library, or undefined. The date is looked at again
 * because a resumed session carries the certificate, and the verdict, of an earlier handshake.
 */
export function peerFault(certificate: PeerCertificate, settings: ValidationSettings, now: number): string | undefined {
  if (!(certificate.notAfter > now)) return 'certificate has expired';
  const expected = settings.subjectAltNames;
  if (expected.length === 0) return undefined;
  const matched = expected.some(({ type, matches }) => {
    if (type !== 'dns' && certificate.uris.some(matches)) return true;
    return type !== 'uri' && certificate.dns.some((name) => matches(name));
  });
  return matched ? undefined : 'verify SAN list';
}
