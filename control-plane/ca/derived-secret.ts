import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/** A secret that all replicas have, for one purpose: derived from the authority's key, which itself signs nothing but certificates. */
export function derivedSecret(authorityKey: KeyObject, purpose: string): KeyObject {
  const material = authorityKey.export({ format: 'der', type: 'pkcs8' });
  return createSecretKey(Buffer.from(hkdfSync('sha256', material, '', purpose, 32)));
}
