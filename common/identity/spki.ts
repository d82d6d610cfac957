import type { KeyObject } from 'node:crypto';

const known = new WeakMap<KeyObject, Buffer>();

/** SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), DER. The library takes longer to write it than to sign a certificate. */
export function spkiOf(key: KeyObject): Buffer {
  let der = known.get(key);
  if (der === undefined) {
    der = key.export({ type: 'spki', format: 'der' });
    known.set(key, der);
  }
  return der;
}

/** What a public key was read from. */
export function rememberSpki(key: KeyObject, der: Buffer): void {
  known.set(key, der);
}
