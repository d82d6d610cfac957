import { formatTable } from '../../cli/output/table.js';
import type { Figure, Target } from './figures.js';
import { ratiosOf, spreadOf, verdictsOf } from './statistics.js';

const OURS = 'weft';
const RATIO_DIGITS = 2;

/** Sides in the order in which they were measured; ours first. */
export function sidesOf(figures: readonly Figure[]): string[] {
  return [...new Set(figures.flatMap((figure) => Object.keys(figure.values)))].sort(
    (a, b) => Number(b === OURS) - Number(a === OURS),
  );
}

/** Median and range of every figure on every side, of the ratios to the others, the targets, and whether they are met. */
export function formatFigures(name: string, figures: readonly Figure[]): string {
  const sides = sidesOf(figures);
  const others = sides.filter((side) => side !== OURS);
  const head = [name, ...sides.map(heading), ...others.map((side) => `÷ ${heading(side)}`), 'TARGET', 'MET'];
  const rows = figures.map((figure) => [
    figure.unit === '' ? figure.label : `${figure.label}, ${figure.unit}`,
    ...sides.map((side) => formatSpread(figure.values[side] ?? [], figure.digits)),
    ...others.map((side) => formatSpread(ratiosOf(figure.values[OURS] ?? [], figure.values[side] ?? []), RATIO_DIGITS)),
    (figure.targets ?? []).map((target) => formatTarget(target, figure.unit, others.length > 1)).join(' · '),
    verdictsOf(figure).map(formatMet).join(' · '),
  ]);
  return formatTable(head, rows);
}

const heading = (side: string): string => side.toUpperCase();

export function formatSpread(values: readonly number[], digits: number): string {
  if (values.length === 0) return '-';
  const { median, least, most } = spreadOf(values);
  const text = (value: number): string => value.toFixed(digits);
  return values.length === 1 ? text(median) : `${text(median)} (${text(least)}–${text(most)})`;
}

const suffix = (unit: string): string => (unit === '' ? '' : ` ${unit}`);

/** `named` says against whom, where there are several. */
export function formatTarget(target: Target, unit: string, named: boolean): string {
  if ('absoluteAtMost' in target) return `≤ ${target.absoluteAtMost}${suffix(unit)}`;
  if ('absoluteAtLeast' in target) return `≥ ${target.absoluteAtLeast}${suffix(unit)}`;
  const bound = 'ratioAtMost' in target ? `≤ ${target.ratioAtMost}` : `≥ ${target.ratioAtLeast}`;
  return named ? `${bound} ${target.against}` : bound;
}

function formatMet({ met }: { met: boolean | undefined }): string {
  if (met === undefined) return '-';
  return met ? 'yes' : 'NO';
}
