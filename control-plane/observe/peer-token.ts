import type { KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../../common/runtime/clock.js';
import { derivedSecret } from '../ca/derived-secret.js';

const ISSUER = 'weft-control-plane';
const AUDIENCE = 'weft-peer';
const LIFETIME_SECONDS = 60;

/**
 * Proves to another replica that one is a replica: whoever has the authority's key, as all of them and nobody else do. The secret
 * is derived from it, so that the key itself signs nothing but certificates.
 */
export function issuePeerToken(authorityKey: KeyObject, clock: Clock): Promise<string> {
  const now = Math.floor(clock.now() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setIssuedAt(now)
    .setExpirationTime(now + LIFETIME_SECONDS)
    .sign(secretOf(authorityKey));
}

/** Rejects unless a replica with the same authority made the token in the last minute. */
export async function verifyPeerToken(token: string, authorityKey: KeyObject, clock: Clock): Promise<void> {
  await jwtVerify(token, secretOf(authorityKey), {
    algorithms: ['HS256'],
    issuer: ISSUER,
    audience: AUDIENCE,
    requiredClaims: ['exp'],
    currentDate: new Date(clock.now()),
    clockTolerance: 30,
  });
}

function secretOf(key: KeyObject): KeyObject {
  return derivedSecret(key, 'weft peer of a control plane');
}
