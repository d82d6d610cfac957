import { generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A new ECDSA P-256 key, made off the event loop. */
export function createKeyPair(): Promise<KeyPair> {
  return promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
}

/** The same, for a caller that cannot wait. */
export function createKeyPairSync(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** PKCS#8 PEM. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const MIN_RSA_BITS = 2048;

/** Why a certificate should not be issued for this key, or undefined when it is strong enough (P-256 and up, RSA 2048 and up). */
export function weaknessOf(key: KeyObject): string | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      return CURVES.has(namedCurve ?? '') ? undefined : `the elliptic curve ${namedCurve ?? 'unknown'} is not accepted`;
    case 'rsa':
      return (modulusLength ?? 0) >= MIN_RSA_BITS
        ? undefined
        : `an RSA key of ${modulusLength ?? 0} bits is too short, ${MIN_RSA_BITS} is the least`;
    default:
      return `keys of type ${key.asymmetricKeyType ?? 'unknown'} are not accepted`;
  }
}
