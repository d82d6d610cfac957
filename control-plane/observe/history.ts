import type { EdgeStats } from '../../common/runtime/edge-report.js';

/** A time, ms since the epoch: from `from` up to before `to`. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** What happened on edges, as samples or a Prometheus tell it. */
export interface EdgeHistory {
  readonly source: 'samples' | 'prometheus';
  /** How far back it goes, ms since the epoch. */
  oldest(): number;
  /** The last moment of which all is known: windows end there unless they are told to end earlier. */
  latest(): number;
  /** The length in which steps of a window can be told apart, ms. */
  stepOf(window: Window): number;
  /** Sums of a window, edge by edge; without those on which nothing happened. */
  sums(window: Window): Promise<Told<readonly EdgeStats[]>>;
  /** The same for each step of a window: `steps[i]` is from `from + i × stepMs`. */
  steps(window: Window, stepMs: number): Promise<Told<readonly (readonly EdgeStats[])[]>>;
}

/** An answer, and what is missing in it. */
export interface Told<T> {
  readonly value: T;
  readonly notes: readonly string[];
}
