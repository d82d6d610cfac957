import type { MetadataFields, MetadataValue } from '../../http/dynamic-metadata.js';
import type { JwtStatus } from './status.js';

/** A token taken apart; nothing of it is proven yet. */
export interface ParsedToken {
  /** Base64url, as they came and as they are signed. */
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
  readonly headerFields: MetadataFields;
  readonly claims: MetadataFields;
  readonly alg: string;
  /** Empty where the token names no key. */
  readonly kid: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Seconds since the epoch; undefined where the token does not say. */
  readonly notBefore: number | undefined;
  readonly expires: number | undefined;
}

/** Longer texts are no token that anybody issues. */
const MAX_TOKEN_LENGTH = 49_152;
/** Values within values, as protobuf's JSON parser bounds them. */
const MAX_DEPTH = 100;
const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Algorithms whose name is known; which of them a key may be used with, the key decides. */
const ALGORITHMS: ReadonlySet<string> = new Set(
  ['ES', 'HS', 'RS', 'PS'].flatMap((family) => [256, 384, 512].map((bits) => `${family}${bits}`)).concat('EdDSA'),
);

/** Takes a compact JWS apart, with the checks of Envoy in its order. */
export function parseToken(token: string): ParsedToken | JwtStatus {
  if (token.length > MAX_TOKEN_LENGTH) return 'bad-format';
  const [header = '', payload = '', signature = '', ...rest] = token.split('.').filter((part) => part !== '');
  if (signature === '' || rest.length > 0) return 'bad-format';
  if (!isBase64url(header)) return 'header-base64';
  const headerFields = parseJson(header);
  if (headerFields === undefined) return 'header-json';
  const alg = own(headerFields, 'alg');
  if (typeof alg !== 'string') return 'header-alg';
  if (!ALGORITHMS.has(alg)) return 'alg-unsupported';
  const kid = own(headerFields, 'kid', '');
  if (typeof kid !== 'string') return 'header-kid';
  if (!isBase64url(payload)) return 'payload-base64';
  const claims = parseJson(payload);
  if (claims === undefined) return 'payload-json';
  const registered = registeredClaims(claims);
  if (typeof registered === 'string') return registered;
  if (!isBase64url(signature)) return 'signature-base64';
  return { header, payload, signature, headerFields, claims, alg, kid, ...registered };
}

type Registered = Pick<ParsedToken, 'issuer' | 'subject' | 'audiences' | 'notBefore' | 'expires'>;

function registeredClaims(claims: MetadataFields): Registered | JwtStatus {
  const issuer = own(claims, 'iss', '');
  if (typeof issuer !== 'string') return 'iss-text';
  const subject = own(claims, 'sub', '');
  if (typeof subject !== 'string') return 'sub-text';
  const times: (number | undefined)[] = [];
  for (const name of ['iat', 'nbf', 'exp'] as const) {
    const time = own(claims, name);
    if (time !== undefined && typeof time !== 'number') return `${name}-number`;
    if (time !== undefined && (time < 0 || time >= 2 ** 64)) return `${name}-range`;
    times.push(time === undefined ? undefined : Math.trunc(time));
  }
  const id = own(claims, 'jti');
  if (id !== undefined && typeof id !== 'string') return 'jti-text';
  const audience = own(claims, 'aud', []);
  const audiences = typeof audience === 'string' ? [audience] : audience;
  if (!isTexts(audiences)) return 'aud-text';
  return { issuer, subject, audiences, notBefore: times[1], expires: times[2] };
}

function isTexts(value: MetadataValue): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** A field of the object itself; null is a value, and of the wrong type. */
function own<T extends MetadataValue | undefined = undefined>(
  fields: MetadataFields,
  name: string,
  absent?: T,
): MetadataValue | T {
  return (Object.hasOwn(fields, name) ? fields[name] : absent) as MetadataValue | T;
}

function isBase64url(text: string): boolean {
  return BASE64URL.test(text) && text.replace(/=+$/, '').length % 4 !== 1;
}

/** A JSON object, or undefined. */
function parseJson(base64url: string): MetadataFields | undefined {
  try {
    const text = UTF8.decode(Buffer.from(base64url, 'base64url'));
    if (isTooDeep(text)) return undefined;
    const value = JSON.parse(text) as MetadataValue;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as MetadataFields) : undefined;
  } catch {
    return undefined;
  }
}

function isTooDeep(json: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (quoted) {
      if (char === '\\') i++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{' || char === '[') {
      if (++depth > MAX_DEPTH) return true;
    } else if (char === '}' || char === ']') depth--;
  }
  return false;
}
