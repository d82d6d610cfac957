import { formatMachine } from '../machine.js';
import { formatFigures } from '../table.js';
import type { Measured } from './results.js';
import { targetRows } from './targets.js';

const BEGIN = '<!-- bench: written by npm run bench -- --report -->';
const END = '<!-- /bench -->';

/**
 * The document with what stands between the marks replaced.
 * @throws Error when it has not both marks
 */
export function replaceBlock(document: string, block: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the marks "${BEGIN}" and "${END}" are missing`);
  return `${document.slice(0, begin + BEGIN.length)}\n${block.trim()}\n${document.slice(end)}`;
}

const dayOf = (date: string): string => date.slice(0, 10);
const nodeName = ({ machine }: Measured): string => `Node ${machine.node}`;

/** On what, and when. */
export function machineLine(measured: readonly Measured[]): string {
  const [newest] = measured;
  if (newest === undefined) return 'Nothing was measured.';
  const { processors, envoy } = newest.machine;
  const nodes = measured.map((one) => `${nodeName(one)} (${dayOf(one.date)})`).join(' and ');
  return `${processors}, load and application on the first, proxies on the second; ${nodes}${envoy === '' ? '' : `, Envoy ${envoy} \`--concurrency 1\``}.`;
}

/** A row for every target: ours ÷ Envoy's on each Node. */
export function targetTable(measured: readonly Measured[]): string {
  const rows = targetRows(measured).map(({ scenario, figure, against, target, outcomes, met }) =>
    row([`${scenario}: ${figure}`, against === '' ? 'by itself' : `÷ ${against}`, ...outcomes, target, mark(met)]),
  );
  const head = ['ours', 'against', ...measured.map(nodeName), 'to reach', ''];
  return [row(head), row(head.map(() => '---')), ...rows].join('\n');
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function mark(met: boolean | undefined): string {
  if (met === undefined) return 'not measured';
  return met ? '✓' : '✗';
}

/** The README's block: table and plot. `plot` is the path of the picture from there; undefined without one. */
export function readmeBlock(measured: readonly Measured[], plot: string | undefined): string {
  const rows = targetRows(measured);
  const met = rows.filter((one) => one.met === true).length;
  return [
    `${machineLine(measured)} Median (least–most) of the rounds, judged on ${measured[0] === undefined ? 'none' : nodeName(measured[0])}: ${met} of ${rows.length} reached.`,
    ...(plot === undefined ? [] : ['', `![Processor time a request, ours and Envoy's](${plot})`]),
    '',
    targetTable(measured),
  ].join('\n');
}

/** All figures of all scenarios, a section for each Node. */
export function figuresBlock(measured: readonly Measured[]): string {
  return measured
    .map(({ machine, date, results }) => {
      const tables = results.map(({ scenario, title, figures }) => `${title}\n${formatFigures(scenario, figures)}`);
      return [`${formatMachine(machine)}, ${dayOf(date)}:`, '', '```', tables.join('\n\n'), '```'].join('\n');
    })
    .join('\n\n');
}
