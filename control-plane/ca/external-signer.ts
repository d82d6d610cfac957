import { type KeyObject, X509Certificate } from 'node:crypto';
import { splitCertificates } from '../../common/identity/pem.js';
import { WeftError } from '../../common/runtime/errors.js';
import type { IssuedCertificate } from './issuer.js';

export interface SigningRequest {
  /** PKCS#10 in PEM, as the workload has sent it. */
  readonly csr: string;
  readonly publicKey: KeyObject;
  /** The one name that the certificate is to have. */
  readonly uri: string;
  /** 0 is the default. */
  readonly ttlSeconds: number;
}

/** Somebody else who signs the certificates of workloads. */
export interface ExternalSigner {
  /** For people. */
  readonly name: string;
  /** PEM of the roots that vouch for what it signs. */
  readonly roots: string;
  /** Rejects when there is no certificate, or one that nobody in the mesh would take. */
  sign(request: SigningRequest): Promise<IssuedCertificate>;
}

/**
 * What an external signer has answered, as workloads get it: for the key and the name that were asked for, valid, and below one
 * of the roots. Throws a WeftError that says what is wrong with it.
 */
export function checkSigned(
  pem: string,
  roots: string,
  wanted: Pick<SigningRequest, 'publicKey' | 'uri'>,
  now: number,
): IssuedCertificate {
  const trusted = splitCertificates(roots).map((one) => new X509Certificate(one));
  const [leaf, ...shown] = splitCertificates(pem).map((one) => new X509Certificate(one));
  if (leaf === undefined) throw fault('the signer has answered without a certificate');
  if (!leaf.publicKey.equals(wanted.publicKey)) throw fault('the signer has signed another key');
  if (leaf.subjectAltName !== `URI:${wanted.uri}`) {
    throw fault(`the signer has signed ${leaf.subjectAltName ?? 'no name'}, not URI:${wanted.uri}`);
  }
  if (leaf.ca) throw fault('the signer has signed a certificate authority');
  const notAfter = Date.parse(leaf.validTo);
  if (!(notAfter > now) || Date.parse(leaf.validFrom) > now) throw fault('the certificate is not valid now');
  const path = shown.filter((one) => !trusted.some((root) => root.raw.equals(one.raw)));
  [leaf, ...path].forEach((certificate, index, all) => {
    const next = all[index + 1];
    const issuers = next === undefined ? trusted : [next];
    if (issuers.some((issuer) => issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)))
      return;
    throw fault(
      `${JSON.stringify(certificate.subject ?? '')} does not lead to a root of this mesh: is the signer's root configured?`,
    );
  });
  return { chain: [leaf.toString(), ...path.map(String), roots], notAfter };
}

function fault(message: string): WeftError {
  return new WeftError(message, { source: 'ca', retryable: true });
}
