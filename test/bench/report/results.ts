import { readFileSync } from 'node:fs';
import type { Machine } from '../machine.js';
import type { Result } from '../run.js';

/** What `--json` writes. */
export interface ResultFile {
  /** ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** Of a round. */
  readonly seconds: number;
  readonly results: readonly Result[];
}

/** All that was measured on one Node. */
export interface Measured {
  readonly nodeMajor: number;
  /** The newest of them. */
  readonly date: string;
  readonly machine: Machine;
  readonly results: readonly Result[];
}

/** @throws SyntaxError, or an Error that names the file, when it is none of the bench's. */
export function readResults(path: string): ResultFile {
  const file = JSON.parse(readFileSync(path, 'utf8')) as Partial<ResultFile>;
  if (typeof file.date !== 'string' || file.machine === undefined || !Array.isArray(file.results)) {
    throw new Error(`${path} is not what npm run bench -- --json writes`);
  }
  return file as ResultFile;
}

/** Joins files by Node, the newest Node first; of a scenario that was measured several times the newest counts. */
export function joinResults(files: readonly ResultFile[], order: readonly string[]): Measured[] {
  const majors = [...new Set(files.map(({ machine }) => Number.parseInt(machine.node, 10)))].sort((a, b) => b - a);
  return majors.map((nodeMajor) => {
    const own = files
      .filter(({ machine }) => Number.parseInt(machine.node, 10) === nodeMajor)
      .sort((a, b) => a.date.localeCompare(b.date));
    const byName = new Map(own.flatMap(({ results }) => results.map((result) => [result.scenario, result])));
    const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
    const results = [...byName.values()].sort((a, b) => rank(a.scenario) - rank(b.scenario));
    const newest = own.at(-1);
    if (newest === undefined) throw new Error('no result');
    return { nodeMajor, date: newest.date, machine: newest.machine, results };
  });
}
