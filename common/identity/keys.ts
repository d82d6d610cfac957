import { generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Keys that certificates are made for. Envoy and other BoringSSL peers do not take Ed25519. */
export const KEY_KINDS = ['P-256', 'P-384', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'Ed25519'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** A kind by its name, whatever the case; undefined for others. */
export function keyKindOf(name: string): KeyKind | undefined {
  return KEY_KINDS.find((kind) => kind.toLowerCase() === name.toLowerCase());
}

/** A new key, made off the event loop. */
export function createKeyPair(kind: KeyKind = 'P-256'): Promise<KeyPair> {
  switch (kind) {
    case 'P-256':
    case 'P-384':
      return promisify(generateKeyPair)('ec', { namedCurve: kind });
    case 'Ed25519':
      return promisify(generateKeyPair)('ed25519');
    default:
      return promisify(generateKeyPair)('rsa', { modulusLength: Number(kind.slice('RSA-'.length)) });
  }
}

/** A P-256 key, for a caller that cannot wait. */
export function createKeyPairSync(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** PKCS#8 PEM. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const MIN_RSA_BITS = 2048;

/** Why a certificate should not be issued for this key, or undefined when it is strong enough (P-256 and up, RSA 2048 and up, Ed25519). */
export function weaknessOf(key: KeyObject): string | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      return CURVES.has(namedCurve ?? '') ? undefined : `the elliptic curve ${namedCurve ?? 'unknown'} is not accepted`;
    case 'rsa':
      return (modulusLength ?? 0) >= MIN_RSA_BITS
        ? undefined
        : `an RSA key of ${modulusLength ?? 0} bits is too short, ${MIN_RSA_BITS} is the least`;
    case 'ed25519':
      return undefined;
    default:
      return `keys of type ${key.asymmetricKeyType ?? 'unknown'} are not accepted`;
  }
}
