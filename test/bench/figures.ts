/** What one number has to be: a ratio to another side of the same run, or a value by itself. */
export type Target =
  | { readonly against: string; readonly ratioAtMost: number }
  | { readonly against: string; readonly ratioAtLeast: number }
  | { readonly absoluteAtMost: number }
  | { readonly absoluteAtLeast: number };

export interface FigureSpec {
  readonly label: string;
  readonly unit: string;
  readonly better: 'less' | 'more';
  /** Decimal places of absolute values. */
  readonly digits: number;
  /** How many services the configuration had: puts a figure of memory into the report's plot. */
  readonly services?: number;
  /** They say what the side `weft` has to reach. */
  readonly targets?: readonly Target[];
}

/** One row of a scenario's table. */
export interface Figure extends FigureSpec {
  /** By side, one number a round; a side that has one number only is measured once. `weft` comes first. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

/** What a scenario was told by one side in one round. */
export type Sample<K extends string> = Readonly<Record<K, number>>;
export type Rounds<K extends string> = Readonly<Record<string, readonly Sample<K>[]>>;

/** Rows from rounds: those keys that have a specification, in its order. */
export function toFigures<K extends string>(
  rounds: Rounds<K>,
  specs: Readonly<Partial<Record<K, FigureSpec>>>,
): Figure[] {
  const keys = Object.keys(specs) as K[];
  return keys.flatMap((key) => {
    const spec = specs[key];
    if (spec === undefined) return [];
    const sides = Object.entries(rounds).map(
      ([side, samples]) => [side, samples.map((sample) => sample[key])] as const,
    );
    return [{ ...spec, values: Object.fromEntries(sides) }];
  });
}
