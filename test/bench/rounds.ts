import type { Rounds, Sample } from './figures.js';
import type { Context } from './scenario.js';

/** V8 has compiled by then what it will compile. */
export const WARM_UP_MS = 6000;

/** Measures for so many ms. */
type Measure<C, K extends string> = (side: C, ms: number) => Promise<Sample<K>>;

/**
 * Every side once to warm up, then all in turns, so that a busy machine is busy for all of them; every other round
 * begins at the other end, so that nobody always follows the same neighbour.
 */
export async function inTurns<C extends { readonly name: string }, K extends string>(
  context: Pick<Context, 'rounds' | 'roundMs' | 'smoke'>,
  sides: readonly C[],
  measure: Measure<C, K>,
  /** Several, where a round is divided among as many kinds of load: each warms up as long as others do. */
  kinds = 1,
): Promise<Rounds<K>> {
  const rounds = new Map<string, Sample<K>[]>(sides.map((side) => [side.name, []]));
  if (!context.smoke) {
    for (const side of sides) await measure(side, Math.max(context.roundMs, kinds * WARM_UP_MS));
  }
  for (let round = 0; round < context.rounds; round++) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      rounds.get(side.name)?.push(await measure(side, context.roundMs));
    }
  }
  return Object.fromEntries(rounds);
}
