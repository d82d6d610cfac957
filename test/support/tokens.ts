import { constants, createHmac, createPrivateKey, createPublicKey, type JsonWebKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Keys that tests sign tokens with; nothing trusts them. */
const KEYS = JSON.parse(readFileSync(new URL('./token-keys.json', import.meta.url), 'utf8')) as Record<
  string,
  JsonWebKey
>;

/** A token to make: with the key and the algorithm that are named, whatever its header says. */
export interface TokenSpec {
  readonly claims?: object;
  /** Of the header, over `alg` and `kid`. */
  readonly header?: object;
  /** `rsa` unless told otherwise. */
  readonly key?: string;
  readonly alg?: string;
  /** The key's name unless told otherwise; null is none. */
  readonly kid?: string | null;
  /** Text of the payload in place of `claims`. */
  readonly payload?: string;
}

/** A compact JWS. */
export function makeToken({
  claims = {},
  header = {},
  key = 'rsa',
  alg = 'RS256',
  kid = key,
  payload,
}: TokenSpec): string {
  const encode = (value: object | string): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg, ...(kid === null ? {} : { kid }), ...header })}.${encode(payload ?? claims)}`;
  return `${signed}.${signature(Buffer.from(signed), key, alg).toString('base64url')}`;
}

function signature(data: Buffer, key: string, alg: string): Buffer {
  const jwk = KEYS[key];
  if (jwk === undefined) throw new Error(`no key '${key}'`);
  // What an attacker tries: the public key as the secret of an HMAC.
  if (alg.startsWith('HS'))
    return createHmac(`sha${alg.slice(2)}`, jwk.n ?? '')
      .update(data)
      .digest();
  if (alg === 'none') return Buffer.from('none');
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  if (alg === 'EdDSA') return sign(null, data, privateKey);
  const pss = alg.startsWith('PS') && {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
  return sign(`sha${alg.slice(2)}`, data, { key: privateKey, dsaEncoding: 'ieee-p1363', ...pss });
}

/** The public parts of keys, as a set; `kid` is their name. */
export function jwks(names: readonly string[], more: readonly object[] = []): string {
  const keys = names.map((name) => {
    const jwk = KEYS[name];
    if (jwk === undefined) throw new Error(`no key '${name}'`);
    return { ...createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'jwk' }), kid: name };
  });
  return JSON.stringify({ keys: [...keys, ...more] });
}
