import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  bitString,
  children,
  contents,
  decode,
  type Element,
  encode,
  isTagged,
  oid,
  readBitString,
  readOid,
  sequence,
  set,
  TAG,
  tagged,
  unsignedInteger,
} from './der.js';
import { readSubjectAltName, subjectAltName } from './extensions.js';
import { OID } from './oids.js';
import { fromPem, toPem } from './pem.js';
import { signatureAlgorithm, signDer, verifyDer } from './signature.js';
import { rememberSpki } from './spki.js';

const LABEL = 'CERTIFICATE REQUEST';

/**
 * A certificate signing request (PKCS#10, RFC 2986) in PEM: empty subject, the URI as a critical SAN in the
 * extension request, signed with the private key.
 */
export function createCsr(options: {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly uri: string;
}): string {
  const { privateKey, publicKey, uri } = options;
  const info = sequence(
    unsignedInteger(Buffer.of(0)),
    sequence(),
    decode(publicKey.export({ type: 'spki', format: 'der' })),
    tagged(0, sequence(oid(OID.extensionRequest), set(sequence(subjectAltName({ uris: [uri] }, true))))),
  );
  const signature = signDer(encode(info), privateKey);
  return toPem(LABEL, encode(sequence(info, signatureAlgorithm(privateKey), bitString(signature))));
}

export interface ParsedCsr {
  readonly publicKey: KeyObject;
  /** SANs that the request asks for. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Names of any other kind: e-mail addresses, IP addresses, … */
  readonly otherNames: number;
  readonly emptySubject: boolean;
}

/** Reads one request and proves that its sender has the private key; throws an Error that says what is wrong with it. */
export function parseCsr(pem: string): ParsedCsr {
  const [der, ...more] = [...fromPem(LABEL, pem), ...fromPem(`NEW ${LABEL}`, pem)];
  if (der === undefined) throw new Error('there is no certificate request in PEM');
  if (more.length > 0) throw new Error('there is more than one certificate request');
  const [info, algorithm, signature] = children(decode(der), 'the certificate request');
  const [version, subject, spki, attributes] = children(info, 'the request information');
  if (info === undefined || spki === undefined) throw new Error('the public key is missing');
  if (!contents(version, 'the version').equals(Buffer.of(0))) throw new Error('the version of the request is not 1');
  const key = encode(spki);
  const publicKey = createPublicKey({ key, type: 'spki', format: 'der' });
  rememberSpki(publicKey, key);
  if (publicKey.asymmetricKeyType === 'ec') checkNamedCurve(spki);
  const algorithmId = readOid(children(algorithm, 'the signature algorithm')[0], 'the signature algorithm');
  const octets = readBitString(signature, 'the signature');
  if (!verifyDer(algorithmId, signedPart(der, info), publicKey, octets)) {
    throw new Error('the signature does not fit the public key');
  }
  return { publicKey, ...requestedNames(attributes), emptySubject: children(subject, 'the subject').length === 0 };
}

/** RFC 5480 section 2.1.1: a curve is named; one that is written out only looks like a known one. */
function checkNamedCurve(spki: Element): void {
  const [algorithm] = children(spki, 'the public key');
  readOid(children(algorithm, 'the key algorithm')[1], 'the curve of the public key');
}

/** The octets that were signed, as they came: encoding them anew could differ where the sender's DER was lax. */
function signedPart(der: Buffer, info: Element): Buffer {
  const length = encode(info).length;
  const start = headerLength(der);
  return der.subarray(start, start + length);
}

/** Octets of tag and length at the start of an element. */
function headerLength(der: Buffer): number {
  const first = der[1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function requestedNames(attributes: Element | undefined): Pick<ParsedCsr, 'uris' | 'dnsNames' | 'otherNames'> {
  if (attributes === undefined) return { uris: [], dnsNames: [], otherNames: 0 };
  if (!isTagged(attributes, 0)) throw new Error('the attributes are malformed');
  for (const attribute of children(attributes, 'the attributes')) {
    const [type, values] = children(attribute, 'an attribute');
    if (readOid(type, 'the type of an attribute') !== OID.extensionRequest) continue;
    const extensions = children(children(values, 'the extension request')[0], 'the extension request');
    for (const extension of extensions) {
      const parts = children(extension, 'an extension');
      if (readOid(parts[0], 'the type of an extension') !== OID.subjectAltName) continue;
      const value = parts.find((part) => (part.type as number) === TAG.octetString);
      return readSubjectAltName(contents(value, 'the subject alternative name'));
    }
  }
  return { uris: [], dnsNames: [], otherNames: 0 };
}
