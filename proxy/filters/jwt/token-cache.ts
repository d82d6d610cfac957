import type { ParsedToken } from './token.js';

/** Tokens whose signature was found good, the least recently used are forgotten first. */
export class TokenCache {
  private readonly tokens = new Map<string, ParsedToken>();

  constructor(
    private readonly size: number,
    /** Longer tokens are not kept. */
    private readonly maxLength: number,
  ) {}

  get(text: string): ParsedToken | undefined {
    const token = this.tokens.get(text);
    if (token === undefined) return undefined;
    this.tokens.delete(text);
    this.tokens.set(text, token);
    return token;
  }

  add(text: string, token: ParsedToken): void {
    if (this.size === 0 || text.length > this.maxLength) return;
    this.tokens.set(text, token);
    if (this.tokens.size <= this.size) return;
    const oldest = this.tokens.keys().next();
    if (oldest.done !== true) this.tokens.delete(oldest.value);
  }

  /** The keys have changed: every token has to be checked anew. */
  clear(): void {
    this.tokens.clear();
  }
}
