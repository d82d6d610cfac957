import { randomBytes } from 'node:crypto';
import type { Clock } from '../../common/runtime/clock.js';

const LIFETIME_MS = 8 * 3_600_000;
const MAX_SESSIONS = 1000;
const FAILURES = { most: 10, withinMs: 60_000 };

/** Says whether whoever has this token may see the mesh. Rejects while nobody can say. */
export type TokenCheck = (token: string) => Promise<boolean>;

export type LoginResult =
  | { readonly kind: 'session'; readonly id: string; readonly maxAgeSeconds: number }
  | { readonly kind: 'refused' | 'too-many' };

/** Who has logged in to this replica; forgotten with the process. */
export class Sessions {
  private readonly until = new Map<string, number>();
  private failures: readonly number[] = [];

  constructor(
    private readonly check: TokenCheck,
    private readonly clock: Clock,
    private readonly newId: () => string = () => randomBytes(32).toString('base64url'),
  ) {}

  /** Guessing is slowed down: after ten wrong tokens in a minute nobody is let in for the rest of it. */
  async login(token: string): Promise<LoginResult> {
    const now = this.clock.monotonic();
    this.failures = this.failures.filter((at) => now - at < FAILURES.withinMs);
    if (this.failures.length >= FAILURES.most) return { kind: 'too-many' };
    // Counted before the answer is there: many guesses at once are many guesses.
    this.failures = [...this.failures, now];
    if (token === '' || !(await this.check(token))) return { kind: 'refused' };
    this.failures = this.failures.slice(0, -1);
    const id = this.newId();
    this.until.set(id, now + LIFETIME_MS);
    const [oldest] = this.until.keys();
    if (this.until.size > MAX_SESSIONS && oldest !== undefined) this.until.delete(oldest);
    return { kind: 'session', id, maxAgeSeconds: LIFETIME_MS / 1000 };
  }

  has(id: string): boolean {
    const until = this.until.get(id);
    if (until === undefined) return false;
    if (this.clock.monotonic() < until) return true;
    this.until.delete(id);
    return false;
  }

  logout(id: string): void {
    this.until.delete(id);
  }
}
