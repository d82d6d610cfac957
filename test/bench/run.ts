import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from './figures.js';
import type { Context, Programs, Scenario } from './scenario.js';

export interface Result {
  readonly scenario: string;
  readonly title: string;
  readonly errors: number;
  readonly figures: readonly Figure[];
}

export interface RunOptions extends Programs {
  readonly rounds: number;
  readonly roundMs: number;
  readonly smoke: boolean;
  readonly say: (line: string) => void;
}

/** Runs one scenario; whatever it started and wrote is gone afterwards. */
export async function run({ name, title, run }: Scenario, options: RunOptions): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  // It holds private keys: nothing of it stays when the bench is interrupted.
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const ends: (() => Promise<void> | void)[] = [];
  let errors = 0;
  const context: Context = {
    ...options,
    folder,
    say: (line) => options.say(`${name} ${line}`),
    defer: (end) => ends.push(end),
    countErrors: (more) => {
      errors += more;
    },
  };
  try {
    const measured = await run(context);
    // One short round without warming up says nothing about a target.
    const figures = options.smoke ? measured.map((figure) => ({ ...figure, targets: [] })) : measured;
    return { scenario: name, title, errors, figures };
  } finally {
    await Promise.allSettled(ends.reverse().map(async (end) => end()));
    remove();
    process.off('exit', remove);
  }
}
