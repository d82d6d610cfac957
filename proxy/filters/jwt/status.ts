/**
 * How the check of a token ended, with the text that the client gets: Envoy's, in its order, so that the place of a status is
 * its number.
 */
const STATUSES = [
  ['ok', 'OK'],
  ['missing', 'Jwt is missing'],
  ['not-yet-valid', 'Jwt not yet valid'],
  ['expired', 'Jwt is expired'],
  ['bad-format', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
  ['header-base64', 'Jwt header is an invalid Base64url encoded'],
  ['header-json', 'Jwt header is an invalid JSON'],
  ['header-alg', 'Jwt header [alg] field is required and must be a string'],
  ['alg-unsupported', 'Jwt header [alg] is not supported'],
  ['header-kid', 'Jwt header [kid] field is not a string'],
  ['payload-base64', 'Jwt payload is an invalid Base64url encoded'],
  ['payload-json', 'Jwt payload is an invalid JSON'],
  ['iss-text', 'Jwt payload [iss] field is not a string'],
  ['sub-text', 'Jwt payload [sub] field is not a string'],
  ['iat-number', 'Jwt payload [iat] field is not an integer'],
  ['iat-range', 'Jwt payload [iat] field is not a positive 64 bit integer'],
  ['nbf-number', 'Jwt payload [nbf] field is not an integer'],
  ['nbf-range', 'Jwt payload [nbf] field is not a positive 64 bit integer'],
  ['exp-number', 'Jwt payload [exp] field is not an integer'],
  ['exp-range', 'Jwt payload [exp] field is not a positive 64 bit integer'],
  ['jti-text', 'Jwt payload [jti] field is not a string'],
  ['aud-text', 'Jwt payload [aud] field is not a string or string list'],
  ['signature-base64', 'Jwt signature is an invalid Base64url encoded'],
  ['signature-length', 'Jwt ED25519 signature is wrong length'],
  ['unknown-issuer', 'Jwt issuer is not configured'],
  ['audience', 'Audiences in Jwt are not allowed'],
  ['verification', 'Jwt verification fails'],
  ['multiple', 'Found multiple Jwt tokens'],
  ['keys-json', 'Jwks is an invalid JSON'],
  ['no-keys', 'Jwks does not have [keys] field'],
  ['keys-array', '[keys] in Jwks is not an array'],
  ['no-valid-keys', "Jwks doesn't have any valid public key"],
  ['key-mismatch', "Jwks doesn't have key to match kid or alg from Jwt"],
  ['rsa-key', 'Jwks RSA [n] or [e] field is missing or has a parse error'],
  ['ec-key-create', 'Jwks EC create key fail'],
  ['ec-key-base64', 'Jwks EC [x] or [y] field is an invalid Base64.'],
  ['ec-key', 'Jwks EC [x] and [y] fields have a parse error.'],
  ['oct-key', 'Jwks Oct key is an invalid Base64'],
  ['okp-key-base64', 'Jwks OKP [x] field is an invalid Base64.'],
  ['okp-key-length', 'Jwks OKP [x] field is wrong length.'],
  ['fetch', 'Jwks remote fetch is failed'],
] as const;

export type JwtStatus = (typeof STATUSES)[number][0];

const TEXTS = new Map<JwtStatus, string>(STATUSES);

export function statusText(status: JwtStatus): string {
  return TEXTS.get(status) ?? status;
}

/** Its number in Envoy. */
export function statusNumber(status: JwtStatus): number {
  return STATUSES.findIndex(([name]) => name === status);
}
