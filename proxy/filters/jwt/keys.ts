import { createPublicKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { ParsedToken } from './token.js';

/** A public key of a set, and what it may be used for. */
export interface VerificationKey {
  /** Empty where the set does not say; then any token's will do. */
  readonly kid: string;
  readonly alg: string;
  readonly kind: KeyKind;
  readonly key: KeyObject;
}

type KeyKind = 'RSA' | 'EC' | 'OKP';

export type KeySet = readonly VerificationKey[];

/** Keys that a set may have: a token that names none is tried with each. */
const MAX_KEYS = 128;
/** What RFC 7518 asks for. */
const MIN_RSA_BITS = 2048;

const FAMILIES: Readonly<Record<KeyKind, RegExp>> = { RSA: /^[RP]S/, EC: /^ES/, OKP: /^EdDSA$/ };
const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/**
 * The public keys of a JWKS, or of Firebase's form, certificates by key ID. What is no public key for signatures is left
 * out, symmetric keys above all: whoever can read a public set could sign with one. undefined when none is left.
 */
export function parseKeySet(text: string): KeySet | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const list = (value as { readonly keys?: unknown }).keys;
  const keys = list === undefined ? certificates(value) : Array.isArray(list) ? jwks(list) : [];
  return keys.length === 0 ? undefined : keys;
}

function jwks(list: readonly unknown[]): VerificationKey[] {
  return list.slice(0, MAX_KEYS).flatMap((item) => {
    const key = typeof item === 'object' && item !== null ? jwk(item as JsonWebKey) : undefined;
    return key === undefined ? [] : [key];
  });
}

function jwk(written: JsonWebKey): VerificationKey | undefined {
  const { kty, crv } = written;
  const kid = textOf(written['kid']);
  const alg = textOf(written['alg']);
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return undefined;
  if (alg !== '' && !FAMILIES[kty].test(alg)) return undefined;
  if (kty === 'OKP' && crv !== 'Ed25519') return undefined;
  const curve = crv ?? CURVES[alg] ?? 'P-256';
  if (kty === 'EC' && alg !== '' && CURVES[alg] !== curve) return undefined;
  return publicKey(kty, kid, alg, () =>
    createPublicKey({ key: kty === 'EC' ? { ...written, crv: curve } : written, format: 'jwk' }),
  );
}

function certificates(value: object): VerificationKey[] {
  return Object.entries(value)
    .slice(0, MAX_KEYS)
    .flatMap(([kid, pem]) => {
      if (typeof pem !== 'string' || !pem.startsWith('-----BEGIN CERTIFICATE-----')) return [];
      const key = publicKey('RSA', kid, '', () => new X509Certificate(pem).publicKey);
      return key === undefined ? [] : [key];
    });
}

function publicKey(kind: KeyKind, kid: string, alg: string, make: () => KeyObject): VerificationKey | undefined {
  try {
    const key = make();
    if (kind === 'RSA') {
      if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
        return undefined;
    }
    return { kind, kid, alg, key };
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The keys of a set that a token may have been signed with. */
export function candidates(keys: KeySet, { kid, alg }: Pick<ParsedToken, 'kid' | 'alg'>): VerificationKey[] {
  return keys.filter((key) => (kid === '' || key.kid === '' || key.kid === kid) && (key.alg === '' || key.alg === alg));
}

/** Whether a kind of key makes signatures of an algorithm. */
export function fits(key: VerificationKey, alg: string): boolean {
  return FAMILIES[key.kind].test(alg);
}
