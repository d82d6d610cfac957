import { createHash } from 'node:crypto';
import { PATH_SEGMENT } from '../../common/identity/spiffe.js';
import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random } from '../../common/runtime/clock.js';
import { messageOf, WeftError } from '../../common/runtime/errors.js';
import { ApiError, type KubernetesApi } from '../kubernetes/api.js';
import { Gate } from './gate.js';
import { TOKEN_AUDIENCE, TokenError, type TokenVerifier, type VerifiedCaller } from './tokens.js';

/** A deleted pod's token stops working after this time. */
const CACHED_MS = 30_000;
const REFUSED_MS = 2000;
const MAX_CACHED = 20_000;
const MAX_TOKEN = 16 * 1024;
const LIMITS = { running: 32, waiting: 4096 };
const POD_NAME = 'authentication.kubernetes.io/pod-name';

/** authentication.k8s.io/v1 TokenReview, as it comes back. */
interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly error?: string;
    readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
  };
}

interface Cached {
  readonly answer: Promise<VerifiedCaller>;
  /** Until then, monotonic; undefined while the review is under way. */
  until: number | undefined;
}

export interface TokenReviewOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Believes what the API server says about a token (TokenReview with audience `istio-ca`). Answers are kept for a short time and
 * never longer than the token lives. Rejects with a {@link TokenError} for a token that is not to be believed, and with a
 * retryable WeftError while nobody can say.
 */
export class TokenReviewVerifier implements TokenVerifier {
  private readonly cache = new Map<string, Cached>();
  private readonly gate = new Gate(LIMITS);
  private readonly backoff: Backoff;
  private silentUntil = 0;
  private silence = '';

  constructor(private readonly options: TokenReviewOptions) {
    this.backoff = new Backoff({ baseMs: 250, maxMs: 5000, random: options.random });
  }

  verify(token: string): Promise<VerifiedCaller> {
    if (token.length > MAX_TOKEN) return Promise.reject(new TokenError('the token is too long'));
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.cache.get(key);
    const now = this.options.clock.monotonic();
    if (known !== undefined && (known.until === undefined || now < known.until)) return known.answer;
    const entry: Cached = { answer: this.gate.run(() => this.review(token)), until: undefined };
    this.remember(key, entry);
    entry.answer.then(
      ({ expiresAt }) => {
        const life = expiresAt === undefined ? CACHED_MS : expiresAt - this.options.clock.now();
        entry.until = this.options.clock.monotonic() + Math.min(CACHED_MS, life);
      },
      (error: unknown) => {
        entry.until = error instanceof TokenError ? this.options.clock.monotonic() + REFUSED_MS : 0;
      },
    );
    return entry.answer;
  }

  private remember(key: string, entry: Cached): void {
    this.cache.delete(key);
    this.cache.set(key, entry);
    const [oldest] = this.cache.keys();
    if (this.cache.size > MAX_CACHED && oldest !== undefined) this.cache.delete(oldest);
  }

  private async review(token: string): Promise<VerifiedCaller> {
    const { clock } = this.options;
    // While the API server is away, a thousand proxies that connect again are no thousand calls.
    if (clock.monotonic() < this.silentUntil) throw unknowable(this.silence);
    const expiresAt = expiryOf(token);
    if (expiresAt !== undefined && expiresAt <= clock.now()) throw new TokenError('the token has expired');
    const caller = callerOf(await this.ask(token));
    return expiresAt === undefined ? caller : { ...caller, expiresAt };
  }

  private async ask(token: string): Promise<TokenReview> {
    const { api, clock } = this.options;
    try {
      const review = await api.request<TokenReview>({
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, audiences: [TOKEN_AUDIENCE] },
        },
      });
      this.backoff.reset();
      return review;
    } catch (error) {
      this.silence = messageOf(error);
      if (error instanceof ApiError) this.silentUntil = clock.monotonic() + this.backoff.next();
      throw unknowable(this.silence, error);
    }
  }
}

function callerOf({ status }: TokenReview): VerifiedCaller {
  if (status?.authenticated !== true)
    throw new TokenError(`the API server refuses the token: ${status?.error ?? 'it is not valid'}`);
  // A server that knows nothing of audiences leaves them out, and has not checked them.
  if (status.audiences?.includes(TOKEN_AUDIENCE) !== true)
    throw new TokenError(`the token is not for the audience ${TOKEN_AUDIENCE}`);
  const [system, kind, namespace = '', serviceAccount = '', ...more] = (status.user?.username ?? '').split(':');
  const wellFormed = system === 'system' && kind === 'serviceaccount' && more.length === 0;
  if (!wellFormed || !PATH_SEGMENT.test(namespace) || !PATH_SEGMENT.test(serviceAccount)) {
    throw new TokenError('the token names no service account');
  }
  const pod = status.user?.extra?.[POD_NAME]?.[0];
  return { namespace, serviceAccount, ...(pod === undefined ? {} : { pod }) };
}

/** The claim `exp` of a JWT in milliseconds; to be believed only after somebody has checked the signature. */
function expiryOf(token: string): number | undefined {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      exp?: unknown;
    };
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function unknowable(reason: string, cause?: unknown): WeftError {
  return new WeftError(`the API server cannot be asked about the token: ${reason}`, {
    source: 'ca',
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });
}
