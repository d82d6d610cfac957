import type { Random } from './clock.js';

/** Exponential back-off with full jitter: each delay is uniform below a ceiling that doubles, and at least `baseMs`. */
export class Backoff {
  private readonly baseMs: number;
  private readonly maxMs: number;
  private readonly random: Random;
  private attempt = 0;

  constructor(options: { readonly baseMs: number; readonly maxMs: number; readonly random: Random }) {
    this.baseMs = options.baseMs;
    this.maxMs = Math.max(options.baseMs, options.maxMs);
    this.random = options.random;
  }

  /** Milliseconds to wait before the next try, no more than `limitMs`. */
  next(limitMs = this.maxMs): number {
    const maxMs = Math.max(this.baseMs, Math.min(this.maxMs, limitMs));
    const ceiling = Math.min(maxMs, this.baseMs * 2 ** Math.min(this.attempt, 30));
    this.attempt++;
    return this.baseMs + this.random() * (ceiling - this.baseMs);
  }

  /** After a success: the next failure starts from the base again. */
  reset(): void {
    this.attempt = 0;
  }
}
