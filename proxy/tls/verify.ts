import { coversDnsName } from './compile-validation.js';
import type { ValidationSettings } from './context.js';
import type { CertificateNames, PeerCertificate } from './peer.js';

/**
 * What is wrong with a peer whose chain was verified by the TLS library, or undefined. The date is looked at again
 * because a resumed session carries the certificate, and the verdict, of an earlier handshake. `name`: what it must be called
 * besides (Envoy's auto_san_validation).
 */
export function peerFault(
  certificate: PeerCertificate,
  settings: ValidationSettings,
  now: number,
  name?: string,
): string | undefined {
  if (!(certificate.notAfter > now)) return 'certificate has expired';
  if (certificate.svidFault !== undefined) return certificate.svidFault;
  const expected = settings.subjectAltNames;
  if (expected.length > 0 && !matchesNames(certificate, expected)) return 'verify SAN list';
  if (name !== undefined && !bearsName(certificate, name)) return 'verify SAN list';
  const { pins } = settings;
  const pinned = pins === undefined || pins.has(certificate.sha256) || pins.has(certificate.spki());
  return pinned ? undefined : 'verify certificate hash or public key';
}

function bearsName({ dns, uris, ips }: CertificateNames, name: string): boolean {
  return dns.some((each) => coversDnsName(each, name)) || uris.includes(name) || ips.includes(name);
}

/** Whether one of a certificate's names is one that is expected. */
export function matchesNames(names: CertificateNames, expected: ValidationSettings['subjectAltNames']): boolean {
  return expected.some(({ type, matches }) => {
    if (type !== 'dns' && names.uris.some(matches)) return true;
    return type !== 'uri' && names.dns.some((name) => matches(name));
  });
}
