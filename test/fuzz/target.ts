import type { Seeded } from './random.js';

/** One thing to be fuzzed: where its inputs come from, and what must hold for each. */
export interface Target {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  /** Names of corpus files (`corpus/NAME.json`). */
  readonly corpus: string;
  generate(random: Seeded): Buffer;
  /**
   * What is wrong with how `input` was treated; undefined when nothing is. What it leaves to chance must follow from the
   * bytes. `thorough` tries every way to split the input, as a finding is shrunk with.
   */
  check(input: Buffer, thorough: boolean): Finding | Promise<Finding>;
  /** For targets with processes or sockets of their own. */
  start?(): Promise<string | undefined>;
  stop?(): Promise<void>;
}

export type Finding = string | undefined;
