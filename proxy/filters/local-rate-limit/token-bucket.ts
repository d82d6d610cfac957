import type { Clock } from '../../../common/runtime/clock.js';
import type { TokenBucket__Output } from '../../../proto/gen/envoy/type/v3/TokenBucket.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs } from '../../snapshot/wire-values.js';

/** What Envoy asks of the interval at least, ms. */
const SHORTEST_MS = 50;

/** Tokens come one by one over the interval, as in Envoy, not all at its end. It begins full. */
export class TokenBucket {
  private tokens: number;
  private at: number;

  constructor(
    readonly most: number,
    /** Tokens in a millisecond. */
    readonly rate: number,
    private readonly clock: Clock,
  ) {
    this.tokens = most;
    this.at = clock.monotonic();
  }

  take(): boolean {
    this.refill();
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  /** Whole tokens that are there. */
  get remaining(): number {
    this.refill();
    return Math.floor(this.tokens);
  }

  /** Seconds until there is a token, rounded up; 0 while there is one. */
  get resetSeconds(): number {
    this.refill();
    return this.tokens >= 1 ? 0 : Math.ceil((1 - this.tokens) / this.rate / 1000);
  }

  private refill(): void {
    const now = this.clock.monotonic();
    this.tokens = Math.min(this.most, this.tokens + (now - this.at) * this.rate);
    this.at = now;
  }
}

/** Compiles envoy.type.v3.TokenBucket to what makes such buckets. */
export function compileTokenBucket(message: TokenBucket__Output, clock: Clock, issues: Issues): () => TokenBucket {
  const most = message.max_tokens ?? 0;
  const refill = message.tokens_per_fill?.value ?? 1;
  const intervalMs = durationMs(message.fill_interval) ?? 0;
  if (most < 1) issues.at('max_tokens').error('must be at least 1');
  if (intervalMs < SHORTEST_MS) issues.at('fill_interval').error(`must be at least ${SHORTEST_MS}ms`);
  return () => new TokenBucket(most, refill / intervalMs, clock);
}
