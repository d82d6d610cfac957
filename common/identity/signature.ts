import { type KeyObject, sign, verify } from 'node:crypto';
import { type Element, nullValue, oid, sequence } from './der.js';
import { OID } from './oids.js';

interface Algorithm {
  readonly keyType: 'ec' | 'rsa' | 'ed25519';
  /** Ed25519 has its own. */
  readonly hash: string | null;
}

const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  [OID.ecdsaSha256, { keyType: 'ec', hash: 'sha256' }],
  [OID.ecdsaSha384, { keyType: 'ec', hash: 'sha384' }],
  [OID.ecdsaSha512, { keyType: 'ec', hash: 'sha512' }],
  [OID.rsaSha256, { keyType: 'rsa', hash: 'sha256' }],
  [OID.rsaSha384, { keyType: 'rsa', hash: 'sha384' }],
  [OID.rsaSha512, { keyType: 'rsa', hash: 'sha512' }],
  [OID.ed25519, { keyType: 'ed25519', hash: null }],
]);

/** AlgorithmIdentifier with which `signDer` signs: the key's own algorithm, with a hash as strong as its curve. */
export function signatureAlgorithm(key: KeyObject): Element {
  const id = algorithmOf(key);
  // RFC 4055 section 5 wants NULL parameters, RFC 5758 section 3.2 and RFC 8410 section 3 want none.
  return key.asymmetricKeyType === 'rsa' ? sequence(oid(id), nullValue()) : sequence(oid(id));
}

export function signDer(data: Uint8Array, key: KeyObject): Buffer {
  return sign(ALGORITHMS.get(algorithmOf(key))?.hash, data, key);
}

/** Throws for keys that cannot sign certificates. */
function algorithmOf(key: KeyObject): string {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return ecdsaOf(key.asymmetricKeyDetails?.namedCurve);
    case 'rsa':
      return OID.rsaSha256;
    case 'ed25519':
      return OID.ed25519;
    default:
      throw new Error(`keys of type ${key.asymmetricKeyType ?? 'unknown'} cannot sign certificates`);
  }
}

function ecdsaOf(curve: string | undefined): string {
  if (curve === 'secp384r1') return OID.ecdsaSha384;
  return curve === 'secp521r1' ? OID.ecdsaSha512 : OID.ecdsaSha256;
}

/** Whether `signature` over `data` was made by `key`. Throws for an algorithm that is unknown or too weak to count. */
export function verifyDer(algorithm: string, data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  const known = ALGORITHMS.get(algorithm);
  if (known === undefined) throw new Error(`the signature algorithm ${algorithm} is not accepted`);
  if (known.keyType !== key.asymmetricKeyType) return false;
  return verify(known.hash, data, key, signature);
}
