import { formatTable } from '../../cli/output/table.js';
import type { Side } from './bootstrap.js';
import type { Results } from './scenarios.js';

interface Row {
  readonly label: string;
  readonly digits: number;
  /** One value a round, or a single one. */
  readonly values: (results: Results, side: Side) => number[];
}

const KB_PER_MB = 1024;

const perRound =
  (value: (round: Results['rounds'][number]) => number): Row['values'] =>
  ({ rounds }, side) =>
    rounds.filter((round) => round.side === side).map(value);

const atStart =
  (value: (start: Results['starts'][number]) => number): Row['values'] =>
  ({ starts }, side) =>
    starts.filter((start) => start.side === side).map(value);

const ROWS: readonly Row[] = [
  { label: 'CPU per request, µs', digits: 1, values: perRound((round) => round.cpuPerRequest) },
  { label: 'requests per second', digits: 0, values: perRound((round) => round.requestsPerSecond) },
  { label: 'p50, ms', digits: 2, values: perRound((round) => round.p50) },
  { label: 'p99, ms', digits: 2, values: perRound((round) => round.p99) },
  { label: 'resident under load, MB', digits: 0, values: perRound((round) => round.residentKb / KB_PER_MB) },
  { label: '  anonymous', digits: 0, values: perRound((round) => round.anonymousKb / KB_PER_MB) },
  { label: 'resident idle, MB', digits: 0, values: atStart((start) => start.residentKb / KB_PER_MB) },
  { label: '  anonymous', digits: 0, values: atStart((start) => start.anonymousKb / KB_PER_MB) },
  { label: 'start to ready, ms', digits: 0, values: atStart((start) => start.startMs) },
];

/** Median and range of every figure, and of the ratio between the two sides of each round. */
export function formatResults(name: string, results: Results): string {
  const rows = ROWS.map(({ label, digits, values }) => {
    const ours = values(results, 'weft');
    const theirs = values(results, 'envoy');
    if (theirs.length === 0) return [label, spread(ours, digits), '-', '-'];
    const ratios = ours.map((value, index) => value / (theirs[index] ?? Number.NaN));
    return [label, spread(ours, digits), spread(theirs, digits), spread(ratios, 2)];
  });
  const table = formatTable([name, 'WEFT', 'ENVOY', 'RATIO'], rows);
  const errors = failures(results);
  return errors === 0 ? table : `${table}\n${errors} requests failed`;
}

export function failures(results: Results): number {
  return results.rounds.reduce((sum, round) => sum + round.errors, 0);
}

function spread(values: readonly number[], digits: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): string => (sorted[index] ?? Number.NaN).toFixed(digits);
  const middle = at(Math.floor((sorted.length - 1) / 2));
  return sorted.length < 2 ? middle : `${middle} (${at(0)}–${at(sorted.length - 1)})`;
}
