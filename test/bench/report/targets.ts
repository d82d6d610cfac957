import type { Figure, Target } from '../figures.js';
import { ratiosOf, verdictsOf } from '../statistics.js';
import { formatSpread, formatTarget } from '../table.js';
import type { Measured } from './results.js';

/** One thing that was to be reached, with what came out on each Node. */
export interface TargetRow {
  readonly scenario: string;
  readonly figure: string;
  /** Against whom; empty for a value by itself. */
  readonly against: string;
  readonly target: string;
  /** In the order of what was measured; `-` where it was not. */
  readonly outcomes: readonly string[];
  /** On the first Node, which is the newest. */
  readonly met: boolean | undefined;
}

/** Every target of every scenario; absolute limits may differ between Nodes, so they are told by their place. */
export function targetRows(measured: readonly Measured[]): TargetRow[] {
  return scenarioNames(measured).flatMap((scenario) => {
    const own = measured.map(({ results }) => results.find((result) => result.scenario === scenario)?.figures ?? []);
    // The first Node that has the scenario says what was to be reached.
    const figures = own.find((one) => one.length > 0) ?? [];
    return figures.flatMap((figure) =>
      (figure.targets ?? []).map((target, index) => {
        const same = own.map((one) => one.find(({ label }) => label === figure.label));
        const [newest] = same;
        return {
          scenario,
          figure: figure.label.trim(),
          against: 'against' in target ? target.against : '',
          target: formatTarget(target, figure.unit, false),
          outcomes: same.map((one) => outcome(one, index)),
          met: newest === undefined ? undefined : verdictsOf(newest)[index]?.met,
        };
      }),
    );
  });
}

/** In the order in which the first Node that has them has them. */
function scenarioNames(measured: readonly Measured[]): string[] {
  return [...new Set(measured.flatMap(({ results }) => results.map(({ scenario }) => scenario)))];
}

function outcome(figure: Figure | undefined, index: number): string {
  const target = figure?.targets?.[index];
  return figure === undefined || target === undefined ? '-' : judgedText(figure, target);
}

function judgedText(figure: Figure, target: Target): string {
  const ours = figure.values['weft'] ?? [];
  if (!('against' in target)) {
    const unit = figure.unit === '' ? '' : ` ${figure.unit}`;
    return `${formatSpread(ours, figure.digits)}${unit}`;
  }
  return formatSpread(ratiosOf(ours, figure.values[target.against] ?? []), 2);
}
