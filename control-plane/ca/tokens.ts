import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { createKeyPair, privateKeyPem } from '../../common/identity/keys.js';
import { PATH_SEGMENT } from '../../common/identity/spiffe.js';
import type { Clock } from '../../common/runtime/clock.js';
import { WeftError } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { readOrCreatePrivateFile } from './files.js';
import { BusyError } from './gate.js';

/** Who a caller has proved to be. */
export interface Caller {
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface VerifiedCaller extends Caller {
  /** The pod that the proof is bound to. */
  readonly pod?: string;
  /** When the proof ends, in milliseconds since the epoch; undefined when it does not say. */
  readonly expiresAt?: number;
}

/**
 * Proves callers by their bearer token. Rejects with a {@link TokenError} when the token is not to be believed, and with a
 * retryable WeftError when nobody can say at the moment.
 */
export interface TokenVerifier {
  verify(token: string): Promise<VerifiedCaller>;
}

/** Why a token was refused; never holds the token. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

/** Whether a failed verification says nothing about the token, so that the caller may try again. */
export function isUndecided(error: unknown): boolean {
  return error instanceof BusyError || (error instanceof WeftError && error.retryable);
}

export const TOKEN_AUDIENCE = 'istio-ca';
const ISSUER = 'weft-local';
const ALGORITHM = 'ES256';
const SKEW_SECONDS = 30;

/** The key that signs tokens on this machine: `tokens/signing.key` of the state folder, mode 600. */
export async function loadTokenKey(stateDir: string, log: Logger): Promise<KeyObject> {
  const path = join(stateDir, 'tokens', 'signing.key');
  const create = async (): Promise<string> => privateKeyPem((await createKeyPair()).privateKey);
  return createPrivateKey(await readOrCreatePrivateFile(path, create, log));
}

/** A token as a Kubernetes API server projects it for a service account, signed here. */
export function issueToken(
  key: KeyObject,
  caller: Caller & { readonly ttlSeconds: number },
  clock: Clock,
): Promise<string> {
  const { namespace, serviceAccount, ttlSeconds } = caller;
  const now = Math.floor(clock.now() / 1000);
  return new SignJWT({ 'kubernetes.io': { namespace, serviceaccount: { name: serviceAccount } } })
    .setProtectedHeader({ alg: ALGORITHM })
    .setIssuer(ISSUER)
    .setAudience(TOKEN_AUDIENCE)
    .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
    .setIssuedAt(now)
    .setNotBefore(now - SKEW_SECONDS)
    .setExpirationTime(now + ttlSeconds)
    .sign(key);
}

/** Believes what {@link issueToken} signed with the same key. */
export class LocalTokenVerifier implements TokenVerifier {
  private readonly publicKey: KeyObject;

  constructor(
    key: KeyObject,
    private readonly clock: Clock,
  ) {
    this.publicKey = createPublicKey(key);
  }

  async verify(token: string): Promise<VerifiedCaller> {
    const payload = await this.payloadOf(token);
    const [system, kind, namespace = '', serviceAccount = '', ...more] = (payload.sub ?? '').split(':');
    const wellFormed = system === 'system' && kind === 'serviceaccount' && more.length === 0;
    if (!wellFormed || !PATH_SEGMENT.test(namespace) || !PATH_SEGMENT.test(serviceAccount)) {
      throw new TokenError('the token names no service account');
    }
    return { namespace, serviceAccount, ...(payload.exp !== undefined && { expiresAt: payload.exp * 1000 }) };
  }

  private async payloadOf(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, this.publicKey, {
        algorithms: [ALGORITHM],
        audience: TOKEN_AUDIENCE,
        issuer: ISSUER,
        requiredClaims: ['exp', 'sub'],
        currentDate: new Date(this.clock.now()),
        clockTolerance: 5,
      });
      return payload;
    } catch (error) {
      throw new TokenError(reasonOf(error));
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the token was not signed here';
  if (error instanceof errors.JWTClaimValidationFailed) return `the token's claim ${error.claim} does not fit`;
  return 'the token is malformed';
}
