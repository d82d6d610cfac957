import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { weaknessOf } from '../../common/identity/keys.js';
import { splitCertificates } from '../../common/identity/pem.js';
import { messageOf, WeftError } from '../../common/runtime/errors.js';
import type { Authority } from './authority.js';

/** Text by key, as in the Secret: `ca-cert.pem`, `ca-key.pem`, `root-cert.pem`, `cert-chain.pem`. */
export type AuthorityFiles = Readonly<Record<string, string | undefined>>;

/**
 * The authority that Istio's Secret `cacerts` describes. `cert-chain.pem` may be left out when the root itself has signed
 * `ca-cert.pem`. Throws a WeftError that names the key of the Secret and what is wrong with it.
 */
export function readPluggedAuthority(files: AuthorityFiles, source: string, now: number): Authority {
  const [certificate] = certificatesIn(files, 'ca-cert.pem', source);
  const privateKey = keyIn(files, 'ca-key.pem', source);
  const roots = certificatesIn(files, 'root-cert.pem', source);
  const chain = files['cert-chain.pem'] === undefined ? [certificate] : certificatesIn(files, 'cert-chain.pem', source);
  const path = withoutRoots(chain[0]?.raw.equals(certificate.raw) === true ? chain : [certificate, ...chain], roots);
  check(certificate, privateKey, source, now);
  checkRoots(roots, source, now);
  checkPath(path.length === 0 ? [certificate] : path, roots, source, now);
  return {
    privateKey,
    certificate,
    intermediates: path.map(String),
    roots: roots.map(String).join(''),
    notAfter: Math.min(...[certificate, ...path].map(endOf)),
    rootNotAfter: Math.min(...roots.map(endOf)),
    source,
  };
}

/** An authority that signs itself, as the Secret `weft-ca-secret` holds it; `root-cert.pem` has more roots where one takes over from another. */
export function readRootAuthority(files: AuthorityFiles, source: string, now: number): Authority {
  const roots = files['root-cert.pem'] ?? files['ca-cert.pem'];
  return readPluggedAuthority({ ...files, 'root-cert.pem': roots, 'cert-chain.pem': undefined }, source, now);
}

function certificatesIn(files: AuthorityFiles, key: string, source: string): [X509Certificate, ...X509Certificate[]] {
  const text = files[key];
  if (text === undefined || text.trim() === '') throw unusable(source, `${key} is missing`);
  try {
    const [one, ...more] = splitCertificates(text).map((pem) => new X509Certificate(pem));
    if (one === undefined) throw new Error('there is no PEM certificate in it');
    return [one, ...more];
  } catch (error) {
    throw unusable(source, `${key} cannot be read: ${messageOf(error)}`);
  }
}

function keyIn(files: AuthorityFiles, key: string, source: string): KeyObject {
  const text = files[key];
  if (text === undefined || text.trim() === '') throw unusable(source, `${key} is missing`);
  try {
    return createPrivateKey(text);
  } catch {
    // What the library says could quote the key.
    throw unusable(source, `${key} is no private key in PEM without a passphrase`);
  }
}

function check(certificate: X509Certificate, privateKey: KeyObject, source: string, now: number): void {
  if (!certificate.ca) throw unusable(source, 'ca-cert.pem is no certificate authority (basicConstraints CA:TRUE)');
  if (!createPublicKey(privateKey).equals(certificate.publicKey)) {
    throw unusable(source, 'ca-key.pem does not belong to ca-cert.pem');
  }
  const weakness = weaknessOf(privateKey);
  if (weakness !== undefined) throw unusable(source, `ca-key.pem: ${weakness}`);
  checkTime(certificate, 'ca-cert.pem', source, now);
}

function checkRoots(roots: readonly X509Certificate[], source: string, now: number): void {
  const foreign = roots.find((root) => !root.ca);
  if (foreign !== undefined) throw unusable(source, `root-cert.pem: ${nameOf(foreign)} is no certificate authority`);
  if (roots.every((root) => endOf(root) <= now)) throw unusable(source, 'root-cert.pem has expired');
}

/** Every certificate is signed by the next, the last by a root. */
function checkPath(
  path: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  source: string,
  now: number,
): void {
  path.forEach((certificate, index) => {
    checkTime(certificate, `cert-chain.pem: ${nameOf(certificate)}`, source, now);
    const issuers = index + 1 < path.length ? path.slice(index + 1, index + 2) : roots;
    if (issuers.some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))) return;
    const wanted =
      index + 1 < path.length ? 'the next certificate of cert-chain.pem' : 'any certificate of root-cert.pem';
    throw unusable(source, `${nameOf(certificate)} is not signed by ${wanted}`);
  });
}

function checkTime(certificate: X509Certificate, what: string, source: string, now: number): void {
  if (endOf(certificate) <= now) throw unusable(source, `${what} has expired (${certificate.validTo})`);
  if (Date.parse(certificate.validFrom) > now)
    throw unusable(source, `${what} is not valid yet (${certificate.validFrom})`);
}

/** Roots are known to who verifies: they need not be sent. */
function withoutRoots(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): X509Certificate[] {
  return chain.filter((certificate) => !roots.some((root) => root.raw.equals(certificate.raw)));
}

function endOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

function nameOf(certificate: X509Certificate): string {
  return JSON.stringify(certificate.subject.replaceAll('\n', ', '));
}

function unusable(source: string, reason: string): WeftError {
  return new WeftError(`${source} cannot be used: ${reason}`, { source: 'ca', retryable: false });
}
