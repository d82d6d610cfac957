import { createRequire } from 'node:module';
import type { asn1 as Asn1Module } from 'node-forge';

/** One DER element as forge holds it: bytes are "binary strings", one character an octet. */
export type Element = Asn1Module.Asn1;

let loaded: typeof Asn1Module | undefined;

/** Only forge's ASN.1, and only when something is first encoded: the whole library costs a proxy's start tens of milliseconds. */
function asn1(): typeof Asn1Module {
  loaded ??= createRequire(import.meta.url)('node-forge/lib/asn1.js') as typeof Asn1Module;
  return loaded;
}

/** Universal tags of X.680 that X.509 and PKCS#10 need. */
export const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  utf8String: 12,
  sequence: 16,
  set: 17,
  printableString: 19,
  utcTime: 23,
  generalizedTime: 24,
} as const;

const UNIVERSAL = 0;
const CONTEXT = 128;

export function sequence(...children: readonly Element[]): Element {
  return asn1().create(UNIVERSAL, TAG.sequence, true, [...children]);
}

export function set(...children: readonly Element[]): Element {
  return asn1().create(UNIVERSAL, TAG.set, true, [...children]);
}

export function oid(dotted: string): Element {
  return primitive(TAG.oid, asn1().oidToDer(dotted).getBytes());
}

export function nullValue(): Element {
  return primitive(TAG.null, '');
}

export function boolean(value: boolean): Element {
  return primitive(TAG.boolean, value ? '\xff' : '\x00');
}

/** A non-negative integer from its big-endian octets, in the shortest form that DER allows. */
export function unsignedInteger(octets: Uint8Array): Element {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const digits = binary(octets.subarray(start));
  return primitive(TAG.integer, digits === '' || digits.charCodeAt(0) >= 0x80 ? `\0${digits}` : digits);
}

export function octetString(octets: Uint8Array): Element {
  return primitive(TAG.octetString, binary(octets));
}

/** `unusedBits` of the last octet do not belong to the string. */
export function bitString(octets: Uint8Array, unusedBits = 0): Element {
  return primitive(TAG.bitString, String.fromCharCode(unusedBits) + binary(octets));
}

export function utf8String(text: string): Element {
  return primitive(TAG.utf8String, binary(Buffer.from(text, 'utf8')));
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5); fractions of a second are cut. */
export function time(milliseconds: number): Element {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050 ? primitive(TAG.utcTime, digits.slice(2)) : primitive(TAG.generalizedTime, digits);
}

/** Context-specific tag around other elements (`[n] EXPLICIT`, or IMPLICIT of a constructed type). */
export function tagged(tag: number, ...children: readonly Element[]): Element {
  return asn1().create(CONTEXT as Asn1Module.Class, tag, true, [...children]);
}

/** `[n] IMPLICIT` of a primitive type. */
export function taggedPrimitive(tag: number, octets: Uint8Array): Element {
  return asn1().create(CONTEXT as Asn1Module.Class, tag, false, binary(octets));
}

export function encode(element: Element): Buffer {
  return Buffer.from(asn1().toDer(element).getBytes(), 'latin1');
}

/** Throws an Error when `der` is not exactly one element. */
export function decode(der: Uint8Array): Element {
  return asn1().fromDer(binary(der), { strict: true, parseAllBytes: true, decodeBitStrings: false } as never);
}

export function isTagged(element: Element | undefined, tag: number): boolean {
  return element !== undefined && (element.tagClass as number) === CONTEXT && (element.type as number) === tag;
}

/** Children of a constructed element; throws when it is none, or is missing. */
export function children(element: Element | undefined, what: string): Element[] {
  if (element === undefined || !Array.isArray(element.value)) throw new Error(`${what} is missing or malformed`);
  return element.value;
}

/** Content octets of a primitive element; throws when it is none, or is missing. */
export function contents(element: Element | undefined, what: string): Buffer {
  if (element === undefined || typeof element.value !== 'string') throw new Error(`${what} is missing or malformed`);
  return Buffer.from(element.value, 'latin1');
}

export function readOid(element: Element | undefined, what: string): string {
  if (element === undefined || (element.type as number) !== TAG.oid) throw new Error(`${what} is no object identifier`);
  return asn1().derToOid(contents(element, what).toString('latin1'));
}

/** Octets of a BIT STRING whose bits are all used. */
export function readBitString(element: Element | undefined, what: string): Buffer {
  const octets = contents(element, what);
  if (octets.length === 0 || octets[0] !== 0) throw new Error(`${what} is malformed`);
  return octets.subarray(1);
}

function primitive(tag: number, content: string): Element {
  return asn1().create(UNIVERSAL, tag, false, content);
}

function binary(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1');
}
