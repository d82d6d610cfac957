import type { Command } from 'commander';

/** A file under commands/: adds arguments, options, examples and the action to its command. */
export interface CommandModule {
  configure(command: Command): void;
}

/** The call itself is wrong; the program ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
