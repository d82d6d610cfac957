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
  const [newest] = measured;
  return (newest?.results ?? []).flatMap(({ scenario, figures }) =>
    figures.flatMap((figure) =>
      (figure.targets ?? []).map((target, index) => ({
        scenario,
        figure: figure.label.trim(),
        against: 'against' in target ? target.against : '',
        target: formatTarget(target, figure.unit, false),
        outcomes: measured.map((one) => outcome(one, scenario, figure.label, index)),
        met: verdictsOf(figure)[index]?.met,
      })),
    ),
  );
}

function outcome({ results }: Measured, scenario: string, label: string, index: number): string {
  const figure = results.find((result) => result.scenario === scenario)?.figures.find((one) => one.label === label);
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
