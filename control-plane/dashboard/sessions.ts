import type { KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../../common/runtime/clock.js';
import { derivedSecret } from '../ca/derived-secret.js';

const ISSUER = 'weft-control-plane';
const AUDIENCE = 'weft-dashboard';
const LIFETIME_SECONDS = 8 * 3600;
const FAILURES = { most: 10, withinMs: 60_000 };

/** Says whether whoever has this token may see the mesh. Rejects while nobody can say. */
export type TokenCheck = (token: string) => Promise<boolean>;

export type LoginResult =
  | { readonly kind: 'session'; readonly id: string; readonly maxAgeSeconds: number }
  | { readonly kind: 'refused' | 'too-many' };

/**
 * Who has logged in. A session is a signed statement that the browser keeps, so that every replica knows it and none remembers it:
 * connections of one browser end at any of them.
 */
export class Sessions {
  private failures: readonly number[] = [];

  constructor(
    private readonly check: TokenCheck,
    private readonly clock: Clock,
    /** Of the authority, which all replicas have; undefined until it is there. */
    private readonly authorityKey: () => KeyObject | undefined,
  ) {}

  /**
   * Guessing is slowed down: after ten wrong tokens in a minute nobody is let in for the rest of it. Rejects while nobody can say
   * whether a token is right.
   */
  async login(token: string): Promise<LoginResult> {
    const now = this.clock.monotonic();
    this.failures = this.failures.filter((at) => now - at < FAILURES.withinMs);
    if (this.failures.length >= FAILURES.most) return { kind: 'too-many' };
    // Counted before the answer is there: many guesses at once are many guesses.
    this.failures = [...this.failures, now];
    if (token === '' || !(await this.check(token))) return { kind: 'refused' };
    this.failures = this.failures.slice(0, -1);
    const secret = this.secret();
    if (secret === undefined) throw new Error('the authority of the mesh is not there yet');
    const issued = Math.floor(this.clock.now() / 1000);
    const id = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt(issued)
      .setExpirationTime(issued + LIFETIME_SECONDS)
      .sign(secret);
    return { kind: 'session', id, maxAgeSeconds: LIFETIME_SECONDS };
  }

  /** Never rejects. */
  async has(id: string): Promise<boolean> {
    const secret = this.secret();
    if (secret === undefined || id.length > 1000) return false;
    const options = { algorithms: ['HS256'], issuer: ISSUER, audience: AUDIENCE, requiredClaims: ['exp'] };
    return jwtVerify(id, secret, { ...options, currentDate: new Date(this.clock.now()) }).then(
      () => true,
      () => false,
    );
  }

  private secret(): KeyObject | undefined {
    const key = this.authorityKey();
    return key === undefined ? undefined : derivedSecret(key, 'weft session of the dashboard');
  }
}
