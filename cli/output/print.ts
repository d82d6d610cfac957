import { InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import { printable } from './printable.js';

export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml';

export function parseOutputFormat(text: string): OutputFormat {
  if (text === 'table' || text === 'wide' || text === 'json' || text === 'yaml') return text;
  throw new InvalidArgumentError('One of table, wide, json and yaml.');
}

/** Prints data for programs, or the given table for people. */
export function print(format: OutputFormat, data: unknown, table: () => string): void {
  if (format === 'json') process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
  else if (format === 'yaml') process.stdout.write(stringify(data));
  else process.stdout.write(`${printable(table())}\n`);
}
