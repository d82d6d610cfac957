import { formatMachine } from '../machine.js';
import type { Result } from '../run.js';
import { ratiosOf, verdictsOf } from '../statistics.js';
import { formatSpread, formatTarget, sidesOf } from '../table.js';
import { plotsOf } from './plots.js';
import type { Measured } from './results.js';
import { escapeText } from './svg.js';

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 2rem;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px solid #8884}
svg{max-width:100%;height:auto;display:block;margin:1rem 0}.no{color:#c0392b;font-weight:600}.scroll{overflow-x:auto}`;

/** One HTML document with everything in it: plots and all figures, a part for each Node. */
export function page(measured: readonly Measured[]): string {
  const parts = measured.map(({ machine, date, results }) =>
    [
      `<h2>Node ${escapeText(machine.node)}</h2>`,
      `<p>${escapeText(formatMachine(machine))}, measured ${date.slice(0, 10)}. Median (least–most) of the rounds.</p>`,
      ...plotsOf(results),
      ...results.map(resultSection),
    ].join('\n'),
  );
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>Weft beside Envoy</title><style>${STYLE}</style></head><body>`,
    '<h1>What a request costs: Weft beside Envoy</h1>',
    '<p>Written by <code>npm run bench -- --report</code>; docs/performance.md says what is measured and how.</p>',
    ...parts,
    '</body></html>',
    '',
  ].join('\n');
}

function resultSection({ scenario, title, figures }: Result): string {
  const sides = sidesOf(figures);
  const others = sides.filter((side) => side !== 'weft');
  const head = ['', ...sides, ...others.map((side) => `÷ ${side}`), 'to reach', ''];
  const rows = figures.map((figure) => {
    const label = figure.unit === '' ? figure.label : `${figure.label}, ${figure.unit}`;
    const targets = (figure.targets ?? []).map((target) => formatTarget(target, figure.unit, others.length > 1));
    return [
      cell(label),
      ...sides.map((side) => cell(formatSpread(figure.values[side] ?? [], figure.digits))),
      ...others.map((side) => cell(formatSpread(ratiosOf(figure.values['weft'] ?? [], figure.values[side] ?? []), 2))),
      cell(targets.join(' · ')),
      `<td>${verdictsOf(figure).map(verdict).join(' · ')}</td>`,
    ].join('');
  });
  return [
    `<h3>${escapeText(scenario)}</h3><p>${escapeText(title)}</p>`,
    `<div class="scroll"><table><tr>${head.map((name) => `<th>${escapeText(name)}</th>`).join('')}</tr>`,
    ...rows.map((one) => `<tr>${one}</tr>`),
    '</table></div>',
  ].join('\n');
}

const cell = (content: string): string => `<td>${escapeText(content)}</td>`;

function verdict({ met }: { readonly met: boolean | undefined }): string {
  if (met === undefined) return 'not measured';
  return met ? 'reached' : '<span class="no">not reached</span>';
}
