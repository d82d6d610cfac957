import type { Figure, Target } from './figures.js';

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** @throws RangeError without a value. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no value was measured');
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, least: at(0), most: at(sorted.length - 1) };
}

/** Ratios of neighbouring rounds, ours by theirs. Where one side was measured once, its number stands for every round. */
export function ratiosOf(ours: readonly number[], theirs: readonly number[]): number[] {
  const length = Math.min(ours.length, theirs.length) <= 1 ? Math.max(ours.length, theirs.length) : ours.length;
  if (ours.length === 0 || theirs.length === 0) return [];
  if (ours.length > 1 && theirs.length > 1 && ours.length !== theirs.length) {
    throw new RangeError(`${ours.length} rounds cannot be compared with ${theirs.length}`);
  }
  const pick = (values: readonly number[], round: number): number =>
    values[values.length === 1 ? 0 : round] ?? Number.NaN;
  return Array.from({ length }, (_, round) => pick(ours, round) / pick(theirs, round));
}

export interface Verdict {
  readonly target: Target;
  /** The median that is judged; undefined where the other side was not measured. */
  readonly value: number | undefined;
  readonly met: boolean | undefined;
}

const OURS = 'weft';

/** Whether the medians of a figure reach its targets. */
export function verdictsOf(figure: Figure): Verdict[] {
  return (figure.targets ?? []).map((target) => {
    const value = judged(figure, target);
    return { target, value, met: value === undefined ? undefined : holds(target, value) };
  });
}

function judged({ values }: Figure, target: Target): number | undefined {
  const ours = values[OURS] ?? [];
  const compared = 'against' in target ? ratiosOf(ours, values[target.against] ?? []) : ours;
  return compared.length === 0 ? undefined : spreadOf(compared).median;
}

function holds(target: Target, value: number): boolean {
  if ('ratioAtMost' in target) return value <= target.ratioAtMost;
  if ('ratioAtLeast' in target) return value >= target.ratioAtLeast;
  if ('absoluteAtMost' in target) return value <= target.absoluteAtMost;
  return value >= target.absoluteAtLeast;
}
