import { type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { buildCertificate, buildRootCertificate } from '../../common/identity/certificate.js';
import { createKeyPairSync } from '../../common/identity/keys.js';
import { parseSubjectAltName } from './peer.js';
import { svidFault } from './svid.js';

const keys = createKeyPairSync();
const life = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 60_000 };
const root = buildRootCertificate({ ...keys, organization: 'test', ...life });
const signer = { privateKey: keys.privateKey as KeyObject, certificate: new X509Certificate(root) };
const ID = 'spiffe://cluster.local/ns/default/sa/reviews';

function leaf(...uris: string[]): X509Certificate {
  return new X509Certificate(buildCertificate({ publicKey: keys.publicKey, names: { uris }, ...life, signer }));
}

function faultOf(certificate: X509Certificate): string | undefined {
  return svidFault(certificate, parseSubjectAltName(certificate.subjectAltName).uris);
}

describe('a certificate with a SPIFFE ID', () => {
  it.each([
    ['is fine as it is issued', [ID], undefined],
    ['may not have a second one', [ID, 'spiffe://cluster.local/ns/default/sa/other'], 'more than one URI SAN'],
    ['may not have another URI', [ID, 'https://example.com'], 'more than one URI SAN'],
    ['is not meant where there is none', ['https://example.com', 'https://example.org'], undefined],
  ])('%s', (_what, uris, fault) => expect(faultOf(leaf(...uris))).toBe(fault));

  it('may not be an authority, nor have the key usage of one', () => {
    const authority = new X509Certificate(root);
    expect(svidFault(authority, [ID])).toBe('a CA certificate identifies nobody');
    // The same extensions with CA:FALSE, byte by byte: the library does not verify signatures here.
    const der = Buffer.from(authority.raw);
    const constraint = der.indexOf(Buffer.from('0603551d130101ff040530030101ff', 'hex'));
    der[constraint + 14] = 0;
    const disguised = new X509Certificate(der);
    expect(disguised.ca).toBe(false);
    expect(svidFault(disguised, [ID])).toBe('a key that signs certificates identifies nobody');
  });
});
