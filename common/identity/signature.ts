import { type KeyObject, sign, verify } from 'node:crypto';
import { type Element, nullValue, oid, sequence } from './der.js';
import { OID } from './oids.js';

interface Algorithm {
  readonly keyType: 'ec' | 'rsa';
  readonly hash: string;
}

const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  [OID.ecdsaSha256, { keyType: 'ec', hash: 'sha256' }],
  [OID.ecdsaSha384, { keyType: 'ec', hash: 'sha384' }],
  [OID.ecdsaSha512, { keyType: 'ec', hash: 'sha512' }],
  [OID.rsaSha256, { keyType: 'rsa', hash: 'sha256' }],
  [OID.rsaSha384, { keyType: 'rsa', hash: 'sha384' }],
  [OID.rsaSha512, { keyType: 'rsa', hash: 'sha512' }],
]);

/** AlgorithmIdentifier with which `signDer` signs: SHA-256 with the key's own algorithm. Throws for other than EC and RSA keys. */
export function signatureAlgorithm(key: KeyObject): Element {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return sequence(oid(OID.ecdsaSha256));
    case 'rsa':
      return sequence(oid(OID.rsaSha256), nullValue());
    default:
      throw new Error(`keys of type ${key.asymmetricKeyType ?? 'unknown'} cannot sign certificates`);
  }
}

export function signDer(data: Uint8Array, key: KeyObject): Buffer {
  return sign('sha256', data, key);
}

/** Whether `signature` over `data` was made by `key`. Throws for an algorithm that is unknown or too weak to count. */
export function verifyDer(algorithm: string, data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  const known = ALGORITHMS.get(algorithm);
  if (known === undefined) throw new Error(`the signature algorithm ${algorithm} is not accepted`);
  if (known.keyType !== key.asymmetricKeyType) return false;
  return verify(known.hash, data, key, signature);
}
