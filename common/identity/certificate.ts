import { createHash, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import {
  bitString,
  children,
  contents,
  decode,
  type Element,
  encode,
  isTagged,
  oid,
  readOid,
  sequence,
  set,
  tagged,
  time,
  unsignedInteger,
  utf8String,
} from './der.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  type SubjectAltNames,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.js';
import { OID } from './oids.js';
import { toPem } from './pem.js';
import { signatureAlgorithm, signDer } from './signature.js';
import { spkiOf } from './spki.js';

/** Who signs: the private key, and the certificate whose subject becomes the issuer. */
export interface Signer {
  readonly privateKey: KeyObject;
  readonly certificate: X509Certificate;
}

export interface LeafOptions {
  readonly publicKey: KeyObject;
  readonly names: SubjectAltNames;
  /** Milliseconds since the epoch; cut to seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly signer: Signer;
}

/** A certificate for TLS in both directions by RFC 5280's profile: empty subject, so the names are critical. */
export function buildCertificate(options: LeafOptions): string {
  const { publicKey, names, notBefore, notAfter, signer } = options;
  const issuer = issuerFields(signer.certificate);
  return signed(
    {
      issuer: issuer.subject,
      subject: sequence(),
      publicKey,
      notBefore,
      notAfter,
      extensions: [
        keyUsage(false),
        extendedKeyUsage(OID.serverAuth, OID.clientAuth),
        basicConstraints(false),
        subjectKeyIdentifier(keyIdentifier(publicKey)),
        authorityKeyIdentifier(issuer.keyId),
        subjectAltName(names, true),
      ],
    },
    signer.privateKey,
  );
}

/** An authority: self-signed, or signed by another. */
export function buildRootCertificate(options: {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly organization: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuer?: Signer;
}): string {
  const { publicKey, privateKey, organization, notBefore, notAfter, issuer } = options;
  const name = sequence(set(sequence(oid(OID.organization), utf8String(organization))));
  const keyId = keyIdentifier(publicKey);
  const extensions = [
    keyUsage(true),
    basicConstraints(true),
    subjectKeyIdentifier(keyId),
    authorityKeyIdentifier(issuer === undefined ? keyId : subjectKeyIdOf(issuer.certificate)),
  ];
  const signer = issuer === undefined ? name : subjectOf(issuer.certificate);
  const content = { issuer: signer, subject: name, publicKey, notBefore, notAfter, extensions };
  return signed(content, issuer?.privateKey ?? privateKey);
}

interface Content {
  readonly issuer: Element;
  readonly subject: Element;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly Element[];
}

function signed(content: Content, key: KeyObject): string {
  const algorithm = signatureAlgorithm(key);
  const body = encode(
    sequence(
      tagged(0, unsignedInteger(Buffer.of(2))),
      unsignedInteger(serialNumber()),
      algorithm,
      content.issuer,
      sequence(time(content.notBefore), time(content.notAfter)),
      content.subject,
      decode(spkiOf(content.publicKey)),
      tagged(3, sequence(...content.extensions)),
    ),
  );
  // What was signed goes in as it is: encoding it once more is a third of the work.
  return toPem('CERTIFICATE', wrapped(body, encode(algorithm), encode(bitString(signDer(body, key)))));
}

/** 128 random bits: positive, and at most 17 of the 20 octets of RFC 5280 section 4.1.2.2. Zero is as likely as a collision. */
function serialNumber(): Buffer {
  return randomBytes(16);
}

/** A SEQUENCE of elements that are encoded already. */
function wrapped(...elements: readonly Buffer[]): Buffer {
  const length = elements.reduce((sum, { length: octets }) => sum + octets, 0);
  if (length < 0x80) return Buffer.concat([Buffer.of(0x30, length), ...elements]);
  if (length > 0xffff) throw new Error('the certificate is too long');
  const header = length < 0x100 ? Buffer.of(0x30, 0x81, length) : Buffer.of(0x30, 0x82, length >> 8, length & 0xff);
  return Buffer.concat([header, ...elements]);
}

/** SHA-1 of the subjectPublicKey bits (RFC 5280 section 4.2.1.2, method 1). */
function keyIdentifier(key: KeyObject): Buffer {
  const [, bits] = children(decode(spkiOf(key)), 'the public key');
  if (bits === undefined || typeof bits.value !== 'string') throw new Error('the public key is malformed');
  return createHash('sha1').update(Buffer.from(bits.value, 'latin1').subarray(1)).digest();
}

interface IssuerFields {
  readonly subject: Element;
  readonly keyId: Buffer;
}

/** Read once a signer. */
const known = new WeakMap<X509Certificate, IssuerFields>();

function issuerFields(certificate: X509Certificate): IssuerFields {
  let fields = known.get(certificate);
  if (fields === undefined) {
    fields = { subject: subjectOf(certificate), keyId: subjectKeyIdOf(certificate) };
    known.set(certificate, fields);
  }
  return fields;
}

/** As the certificate says, because verifiers compare; computed where it says nothing. */
function subjectKeyIdOf(certificate: X509Certificate): Buffer {
  const fields = fieldsOf(certificate);
  const [extensions] = children(fields.find((field) => isTagged(field, 3)) ?? tagged(3, sequence()), 'the extensions');
  for (const extension of children(extensions, 'the extensions')) {
    const [type, ...rest] = children(extension, 'an extension');
    if (readOid(type, 'an extension') !== OID.subjectKeyIdentifier) continue;
    return contents(decode(contents(rest.at(-1), 'an extension')), 'the key identifier');
  }
  return keyIdentifier(certificate.publicKey);
}

function fieldsOf(certificate: X509Certificate): Element[] {
  return children(children(decode(certificate.raw), 'the certificate')[0], 'the certificate');
}

function subjectOf(certificate: X509Certificate): Element {
  const fields = fieldsOf(certificate);
  const subject = fields[isTagged(fields[0], 0) ? 5 : 4];
  if (subject === undefined) throw new Error('the certificate has no subject');
  return subject;
}

export interface CertificateSummary {
  readonly uris: readonly string[];
  /** Upper-case hex. */
  readonly serialNumber: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly authority: boolean;
}

/** What people and renewal want to know of a certificate in PEM (the first of a chain). */
export function readCertificate(pem: string): CertificateSummary {
  const certificate = new X509Certificate(pem);
  const names = (certificate.subjectAltName ?? '').split(', ');
  return {
    uris: names.filter((name) => name.startsWith('URI:')).map((name) => name.slice('URI:'.length)),
    serialNumber: certificate.serialNumber,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    authority: certificate.ca,
  };
}
