/**
 * The error that crosses module borders: where it arose, whether trying again can help, and what caused it.
 * `source` names the part (for example `ads`, `ca`, `listener 0.0.0.0_15006`).
 */
export class WeftError extends Error {
  readonly source: string;
  readonly retryable: boolean;

  constructor(message: string, options: { source: string; retryable: boolean; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WeftError';
    this.source = options.source;
    this.retryable = options.retryable;
  }
}

/** The message of whatever was thrown, for logs and user-facing lines. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
