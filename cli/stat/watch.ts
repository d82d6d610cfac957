import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { type OutputFormat, parseOutputFormat } from '../output/print.js';
import { tellProblem } from './ask.js';

export interface WatchOptions {
  readonly watch?: true;
  readonly output: OutputFormat;
}

const EVERY_MS = 2000;
const CLEAR = '\x1b[H\x1b[2J';

export function outputOptions(command: Command): Command {
  return command
    .option('-o, --output <format>', 'table, wide, json or yaml', parseOutputFormat, 'table')
    .option('-w, --watch', 'show it anew every two seconds, until Ctrl-C');
}

/** Shows something once, or again and again. A mesh that does not answer for a moment does not end it. */
export async function show({ watch, output }: WatchOptions, once: () => Promise<void>): Promise<void> {
  if (watch !== true) return once();
  const screen = process.stdout.isTTY === true && (output === 'table' || output === 'wide');
  await once();
  for (;;) {
    await pause(EVERY_MS);
    if (screen) process.stdout.write(CLEAR);
    await once().catch(tellProblem);
  }
}
