import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Authority } from '../../ca/authority.js';

/** A root that signs by itself. */
export function testAuthority({ privateKey, pem }: { privateKey: KeyObject; pem: string }): Authority {
  const certificate = new X509Certificate(pem);
  const notAfter = Date.parse(certificate.validTo);
  return { privateKey, certificate, intermediates: [], roots: pem, notAfter, rootNotAfter: notAfter, source: 'test' };
}
