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

/** One tier of one edge: a log of closed steps, and the step that still fills. */
class TierLog {
  private readonly log = new NumberLog();
  private readonly filling = new Tally();
  private step = -1;

  constructor(readonly tier: Tier) {}

  get size(): number {
    return this.log.size;
  }

  get empty(): boolean {
    return this.log.empty && this.filling.empty;
  }

  /** Where to add what happens now. */
  at(time: number): Tally {
    const step = Math.floor(time / this.tier.stepMs);
    if (step > this.step) {
      if (!this.filling.empty) this.log.append(this.step, this.filling.numbers());
      this.filling.clear();
      this.step = step;
    }
    return this.filling;
  }

  forget(now: number): void {
    this.at(now);
    this.log.dropBefore(Math.floor((now - this.tier.keepMs) / this.tier.stepMs));
  }

  /** What happened from one time up to before another; `into` says where to add what happened in the step of a time. */
  collect(from: number, to: number, into: (time: number) => Tally | undefined): void {
    const { stepMs } = this.tier;
    const [first, end] = [Math.ceil(from / stepMs), Math.ceil(to / stepMs)];
    this.log.each(first, end, (step, next) => into(step * stepMs)?.addNumbers(next));
    if (this.step >= first && this.step < end && !this.filling.empty) into(this.step * stepMs)?.addAll(this.filling);
  }
}

/** What happened on one edge in the last hour. */
export class EdgeRecord {
  private readonly tiers = TIERS.map((tier) => new TierLog(tier));
  /** Connections that are open, by the proxy that says so. */
  readonly open = new Map<string, number>();
  lastActivity = 0;

  /** Where to add what happens now: once for each tier. */
  at(time: number): Tally[] {
    this.lastActivity = time;
    return this.tiers.map((tier) => tier.at(time));
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
