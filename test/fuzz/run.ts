import { readCorpus } from './corpus.js';
import { mutate } from './mutate.js';
import { hashOf, Seeded } from './random.js';
import { shrink } from './shrink.js';
import type { Finding, Target } from './target.js';

/** Inputs of one target between two looks at the others. */
const BATCH = 250;
/** A target that is slow has its turn for so long, ms. */
const TURN_MS = 500;
/** An input that takes longer than this of the processor, ms, hangs for practical purposes, however busy the machine is. */
const SLOW_MS = 2000;

export interface Found {
  readonly target: string;
  readonly input: Buffer;
  readonly finding: string;
}

/** One target's stream of inputs, which its name and the seed alone decide. */
export class Campaign {
  inputs = 0;
  private readonly random: Seeded;
  private readonly corpus: readonly Buffer[];
  private fresh: Buffer = Buffer.alloc(0);

  constructor(
    readonly target: Target,
    seed: number,
  ) {
    this.random = new Seeded((seed ^ hashOf(Buffer.from(target.name))) >>> 0);
    this.corpus = readCorpus(target.corpus);
  }

  /** Tries a batch. Resolves with the first input that something is wrong with, made small. */
  async batch(limit: number): Promise<Found | undefined> {
    const end = performance.now() + TURN_MS;
    for (let left = Math.min(BATCH, limit); left > 0 && performance.now() < end; left--) {
      const input = this.next();
      const found = await this.try(input);
      if (found !== undefined) return found;
    }
    // What the codecs have put off to the end of the turn.
    await new Promise(setImmediate);
    return undefined;
  }

  private async try(input: Buffer): Promise<Found | undefined> {
    const { target } = this;
    const started = process.cpuUsage();
    let finding = attempt(target, input, false);
    if (finding instanceof Promise) finding = await finding;
    const { user, system } = process.cpuUsage(started);
    const took = (user + system) / 1000;
    if (finding === undefined) {
      if (took < SLOW_MS) return undefined;
      return { target: target.name, input, finding: `took ${took.toFixed(0)} ms` };
    }
    // Only a finding that is about packets needs all the ways to cut them.
    const thorough = finding.includes('cut');
    const small = await shrink(input, async (bytes) => (await attempt(target, bytes, thorough)) !== undefined);
    const reason = (await attempt(target, small, thorough)) ?? finding;
    return { target: target.name, input: small, finding: reason };
  }

  /** Corpus first, each as it is; then by the grammar, or a mutation of what came before. */
  private next(): Buffer {
    const { random, corpus, target } = this;
    const index = this.inputs++;
    const known = corpus[index];
    if (known !== undefined) return known;
    const kind = random.below(4);
    if (kind >= 2 || this.fresh.length === 0) {
      this.fresh = target.generate(random);
      return this.fresh;
    }
    const base = kind === 0 && corpus.length > 0 ? random.pick(corpus) : this.fresh;
    return mutate(random, base, corpus.length > 0 ? random.pick(corpus) : this.fresh);
  }
}

/** An exception is a finding like any other. */
function attempt(target: Target, input: Buffer, thorough: boolean): Finding | Promise<Finding> {
  try {
    const result = target.check(input, thorough);
    return result instanceof Promise ? result.catch(thrown) : result;
  } catch (error) {
    return thrown(error);
  }
}

function thrown(error: unknown): string {
  return `threw ${error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' ') : String(error)}`;
}
