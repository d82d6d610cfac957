import { type KeyObject, X509Certificate } from 'node:crypto';
import { splitCertificates } from '../../common/identity/pem.js';
import { WeftError } from '../../common/runtime/errors.js';
import { parseSubjectAltName } from './peer.js';

/** What a CA has answered, checked. */
export interface IssuedChain {
  readonly leaf: X509Certificate;
  /** The root that vouches for the chain; the first where none does. */
  readonly root: X509Certificate;
  /** SHA-256 of the certificate that signed the leaf, hex. */
  readonly issuer: string;
  readonly chainPem: string;
  readonly rootPem: string;
}

/** Refuses an answer that is not for our key and identity, or that is no longer valid. */
export function checkChain(
  chain: readonly string[],
  expected: { readonly privateKey: KeyObject; readonly uri: string; readonly now: number },
): IssuedChain {
  const certificates = chain.slice(0, -1).flatMap(splitCertificates);
  // Several while one root takes over from another.
  const roots = splitCertificates(chain.at(-1) ?? '').map((pem) => new X509Certificate(pem));
  const [leaf, ...path] = certificates.map((pem) => new X509Certificate(pem));
  const [first] = roots;
  if (leaf === undefined || first === undefined) {
    throw fault(
      `${certificates.length + roots.length} certificates in the answer, where a chain and its root are expected`,
    );
  }
  if (!leaf.checkPrivateKey(expected.privateKey)) throw fault('the certificate is for another key');
  const { uris } = parseSubjectAltName(leaf.subjectAltName);
  if (uris[0] !== expected.uri) throw fault(`the certificate is for ${uris[0] ?? 'nobody'}, not ${expected.uri}`);
  if (!(Date.parse(leaf.validTo) > expected.now)) throw fault('the certificate has expired');
  const top = path.at(-1) ?? leaf;
  const root = roots.find((one) => top.checkIssued(one) && top.verify(one.publicKey)) ?? first;
  const issuer = (path[0] ?? root).fingerprint256.replaceAll(':', '').toLowerCase();
  return { leaf, root, issuer, chainPem: certificates.join(''), rootPem: joined(roots) };
}

/** Every certificate of two bundles once, PEM. */
export function unionOf(one: string, other: string): string {
  return [...new Set([...splitCertificates(one), ...splitCertificates(other)])].join('');
}

function joined(roots: readonly X509Certificate[]): string {
  return splitCertificates(roots.map(String).join('')).join('');
}

function fault(message: string): WeftError {
  return new WeftError(message, { source: 'ca', retryable: true });
}
