import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Observation } from './observation.js';

/** What one side did in a case. */
export interface Recorded {
  readonly exchanges: readonly (Partial<Observation> & {
    readonly shares?: Readonly<Record<string, number>>;
    readonly counts?: Readonly<Record<string, number>>;
    readonly tookAtLeast?: boolean;
  })[];
  /** Growth of statistics, by full name. */
  readonly stats: Readonly<Record<string, number>>;
}

const UPDATE = process.env['UPDATE_RECORDINGS'] === '1';

/** Envoy's answers to one case file, for machines without Envoy. */
export class Recordings {
  private readonly path: string;
  private readonly recorded: Record<string, Recorded>;
  private changed = false;

  constructor(name: string) {
    this.path = join(import.meta.dirname, 'cases', `${name}.recorded.json`);
    this.recorded = existsSync(this.path)
      ? (JSON.parse(readFileSync(this.path, 'utf8')) as Record<string, Recorded>)
      : {};
  }

  /** Throws an Error when the case has never been recorded. */
  get(name: string): Recorded {
    const found = this.recorded[name];
    if (found === undefined)
      throw new Error(`Envoy's answer to '${name}' is not recorded: run with an Envoy and UPDATE_RECORDINGS=1`);
    return found;
  }

  /** Takes what Envoy has just done; where nothing is to be written, it is what is recorded. */
  check(name: string, live: Recorded): void {
    if (UPDATE) {
      this.recorded[name] = live;
      this.changed = true;
      return;
    }
    expect(
      deterministic(this.get(name)),
      'the recording is stale: UPDATE_RECORDINGS=1 npm run test:conformance',
    ).toEqual(deterministic(live));
  }

  /** Writes what changed; cases that are gone go, too. */
  save(names: readonly string[]): void {
    if (!UPDATE || !this.changed) return;
    const kept = Object.fromEntries(
      names.flatMap((name) => (this.recorded[name] === undefined ? [] : [[name, this.recorded[name]]])),
    );
    if (Object.keys(kept).length === 0) rmSync(this.path, { force: true });
    else writeFileSync(this.path, `${JSON.stringify(kept, undefined, 1)}\n`);
  }
}

/** Shares differ from run to run. */
function deterministic({ exchanges, stats }: Recorded): Recorded {
  return { exchanges: exchanges.map(({ shares, ...rest }) => ({ ...rest, ...(shares && { shares: {} }) })), stats };
}
