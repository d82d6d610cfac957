import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  children,
  contents,
  decode,
  type Element,
  encode,
  isTagged,
  octetString,
  oid,
  sequence,
  taggedPrimitive,
} from './der.js';
import { OID } from './oids.js';

/** Kinds of GeneralName (RFC 5280 section 4.2.1.6). */
const DNS_NAME = 2;
const URI = 6;
const IP_ADDRESS = 7;

export interface SubjectAltNames {
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  /** IPv4 dotted or IPv6. */
  readonly addresses?: readonly string[];
}

function extension(type: string, critical: boolean, value: Element): Element {
  const octets = octetString(encode(value));
  // DER leaves a default out, and FALSE is the default.
  return critical ? sequence(oid(type), boolean(true), octets) : sequence(oid(type), octets);
}

/** Critical when the certificate's subject is empty. */
export function subjectAltName(names: SubjectAltNames, critical: boolean): Element {
  const all = [
    ...(names.uris ?? []).map((uri) => taggedPrimitive(URI, ia5(uri))),
    ...(names.dnsNames ?? []).map((name) => taggedPrimitive(DNS_NAME, ia5(name))),
    ...(names.addresses ?? []).map((address) => taggedPrimitive(IP_ADDRESS, addressOctets(address))),
  ];
  return extension(OID.subjectAltName, critical, sequence(...all));
}

export function readSubjectAltName(der: Uint8Array): { uris: string[]; dnsNames: string[]; otherNames: number } {
  const names = children(decode(der), 'the subject alternative name');
  const ofKind = (kind: number): string[] =>
    names.filter((name) => isTagged(name, kind)).map((name) => contents(name, 'a name').toString('latin1'));
  const uris = ofKind(URI);
  const dnsNames = ofKind(DNS_NAME);
  return { uris, dnsNames, otherNames: names.length - uris.length - dnsNames.length };
}

export function basicConstraints(authority: boolean): Element {
  return extension(OID.basicConstraints, true, authority ? sequence(boolean(true)) : sequence());
}

/** A named bit list without trailing zeros: digitalSignature is bit 0, keyCertSign bit 5, cRLSign bit 6. */
export function keyUsage(authority: boolean): Element {
  return extension(OID.keyUsage, true, authority ? bitString(Buffer.of(0x06), 1) : bitString(Buffer.of(0x80), 7));
}

export function extendedKeyUsage(...purposes: readonly string[]): Element {
  return extension(OID.extendedKeyUsage, false, sequence(...purposes.map(oid)));
}

export function subjectKeyIdentifier(keyId: Uint8Array): Element {
  return extension(OID.subjectKeyIdentifier, false, octetString(keyId));
}

export function authorityKeyIdentifier(keyId: Uint8Array): Element {
  return extension(OID.authorityKeyIdentifier, false, sequence(taggedPrimitive(0, keyId)));
}

function ia5(text: string): Buffer {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e || code < 0x21)
      throw new Error(`the name ${JSON.stringify(text)} has characters that no certificate may carry`);
  }
  return Buffer.from(text, 'latin1');
}

function addressOctets(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  if (address === '::1') return Buffer.from([...new Array<number>(15).fill(0), 1]);
  throw new Error(`the address ${address} cannot be put into a certificate`);
}
