import { NumberLog } from './number-log.js';
import { Tally } from './tally.js';

/** How long steps are, and for how long they are kept; ms. Each step of a tier is a whole number of those of the one before. */
export interface Tier {
  readonly stepMs: number;
  readonly keepMs: number;
}

/** The last minutes finely, the rest of the hour coarsely. */
export const TIERS: readonly Tier[] = [
  { stepMs: 2000, keepMs: 180_000 },
  { stepMs: 15_000, keepMs: 900_000 },
  { stepMs: 60_000, keepMs: 3_660_000 },
];

/** Samples are of no more than this time before they come: what is older is taken to have happened then. */
const OPEN_MS = 12_000;
/** What an open step costs (measured). */
const FILLING_BYTES = 700;

/** One tier of one edge: a log of closed steps, and the last ones, to which samples may still add. */
class TierLog {
  private readonly log = new NumberLog();
  /** Ascending. */
  private readonly filling = new Map<number, Tally>();

  constructor(readonly tier: Tier) {}

  get size(): number {
    return this.log.size + this.filling.size * FILLING_BYTES;
  }

  get empty(): boolean {
    return this.log.empty && this.filling.size === 0;
  }

  /** Adds what happened from one time to another, in equal parts to the steps between. */
  add(difference: Tally, from: number, to: number): void {
    const { stepMs } = this.tier;
    this.close(to);
    const last = Math.floor(to / stepMs);
    const first = Math.max(Math.floor(from / stepMs), this.oldestOpen(to));
    if (first >= last) {
      this.at(last).addAll(difference);
      return;
    }
    const begin = Math.max(from, first * stepMs);
    const steps = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const weights = steps.map(
      (step) => (Math.min(to, (step + 1) * stepMs) - Math.max(begin, step * stepMs)) / (to - begin),
    );
    difference.spread(
      steps.map((step) => this.at(step)),
      weights,
    );
  }

  private at(step: number): Tally {
    let tally = this.filling.get(step);
    if (tally === undefined) {
      tally = new Tally();
      this.filling.set(step, tally);
    }
    return tally;
  }

  private oldestOpen(now: number): number {
    return Math.floor((now - OPEN_MS) / this.tier.stepMs);
  }

  /** Steps that no sample adds to any more go to the log. */
  private close(now: number): void {
    const oldest = this.oldestOpen(now);
    const over = [...this.filling.keys()].filter((step) => step < oldest).sort((a, b) => a - b);
    for (const step of over) {
      const tally = this.filling.get(step);
      if (tally !== undefined && !tally.empty) this.log.append(step, tally.numbers());
      this.filling.delete(step);
    }
  }

  forget(now: number): void {
    this.close(now);
    this.log.dropBefore(Math.floor((now - this.tier.keepMs) / this.tier.stepMs));
  }

  /** What happened from one time up to before another; `into` says where to add what happened in the step of a time. */
  collect(from: number, to: number, into: (time: number) => Tally | undefined): void {
    const { stepMs } = this.tier;
    const [first, end] = [Math.ceil(from / stepMs), Math.ceil(to / stepMs)];
    this.log.each(first, end, (step, next) => into(step * stepMs)?.addNumbers(next));
    for (const [step, tally] of this.filling) if (step >= first && step < end) into(step * stepMs)?.addAll(tally);
  }
}

/** What happened on one edge in the last hour. */
export class EdgeRecord {
  private readonly tiers = TIERS.map((tier) => new TierLog(tier));
  /** Connections that are open, by the proxy that says so. */
  readonly open = new Map<string, number>();

  /** Adds what happened from one time to another. */
  add(difference: Tally, from: number, to: number): void {
    for (const tier of this.tiers) tier.add(difference, from, to);
  }

  /** Bytes of numbers that it holds. */
  get size(): number {
    return this.tiers.reduce((sum, tier) => sum + tier.size, 0);
  }

  get empty(): boolean {
    return this.tiers.every((tier) => tier.empty) && this.open.size === 0;
  }

  forget(now: number): void {
    for (const tier of this.tiers) tier.forget(now);
  }

  get openConnections(): number {
    let sum = 0;
    for (const count of this.open.values()) sum += count;
    return sum;
  }

  /**
   * What happened from one time up to before another: of the recent part the finest steps, of what is older the coarser ones. A coarse
   * step is taken as a whole.
   */
  collect(from: number, to: number, now: number, into: (time: number) => Tally | undefined): void {
    let end = to;
    for (const [index, tier] of this.tiers.entries()) {
      if (end <= from) return;
      const coarser = this.tiers[index + 1]?.tier.stepMs;
      const begin = coarser === undefined ? from : Math.max(from, cutOf(tier.tier, coarser, now));
      tier.collect(begin, end, into);
      end = Math.min(end, begin);
    }
  }
}

/** The first time that a tier is asked for: a coarser one has whole steps up to it. */
function cutOf({ keepMs }: Tier, coarser: number, now: number): number {
  return Math.ceil((now - keepMs) / coarser) * coarser;
}

/** The length of the steps in which a time may be looked at, ms. */
export function stepAt(time: number, now: number): number {
  return (TIERS.find(({ keepMs }) => time > now - keepMs) ?? TIERS.at(-1) ?? { stepMs: 60_000 }).stepMs;
}
