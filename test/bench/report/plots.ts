import type { Figure } from '../figures.js';
import type { Result } from '../run.js';
import { spreadOf } from '../statistics.js';
import { sidesOf } from '../table.js';
import { type BarGroup, barChart, chart, type Series } from './chart.js';

/** Every plot for which there are figures. */
export function plotsOf(results: readonly Result[]): string[] {
  return [costPlot(results), throughputPlot(results), latencyPlot(results), memoryPlot(results)].filter(
    (plot) => plot !== undefined,
  );
}

const MICROS = 'µs';

/** Processor time of a request, in every scenario that has it. */
export function costPlot(results: readonly Result[]): string | undefined {
  const groups = results.flatMap(({ scenario, figures }): BarGroup[] => {
    const cost = figures.find(({ label, unit }) => label.startsWith('CPU per') && unit === MICROS);
    if (cost === undefined) return [];
    const bars = sidesOf([cost]).flatMap((side) => {
      const values = cost.values[side] ?? [];
      if (values.length === 0) return [];
      const { median, least, most } = spreadOf(values);
      return [{ side, value: median, least, most }];
    });
    return [{ label: scenario, bars }];
  });
  return groups.length === 0 ? undefined : barChart('Processor time a request, less is better', MICROS, 1, groups);
}

/** What a scenario carries against what it costs. */
function throughputPlot(results: readonly Result[]): string | undefined {
  const points = results.flatMap(({ scenario, figures }) => {
    const cost = figures.find(({ label, unit }) => label.startsWith('CPU per') && unit === MICROS);
    const rate = figures.find(({ label }) => /^\w+ per second$/.test(label));
    if (cost === undefined || rate === undefined) return [];
    return sidesOf([cost]).flatMap((side) => {
      const [x, y] = [middle(rate, side), middle(cost, side)];
      return x === undefined || y === undefined ? [] : [{ side, point: { x, y, label: scenario } }];
    });
  });
  if (points.length === 0) return undefined;
  return chart({
    title: 'Throughput against cost: right and below is better',
    x: { label: 'requests per second', scale: 'linear' },
    y: { label: 'µs of processor time a request', scale: 'linear' },
    joined: false,
    series: bySide(points),
  });
}

const PERCENTILES = ['p50', 'p90', 'p99', 'p99.9'];

function latencyPlot(results: readonly Result[]): string | undefined {
  const figures = results.find(({ scenario }) => scenario === 'open-loop')?.figures ?? [];
  const points = PERCENTILES.flatMap((label, x) => {
    const figure = figures.find((one) => one.label === label);
    if (figure === undefined) return [];
    return sidesOf([figure]).flatMap((side) => {
      const y = middle(figure, side);
      return y === undefined ? [] : [{ side, point: { x, y } }];
    });
  });
  if (points.length === 0) return undefined;
  return chart({
    title: 'Latency at 1,000 requests a second through both sidecars, mTLS between them',
    x: { label: 'of all requests', scale: 'linear', names: PERCENTILES },
    y: { label: 'ms, from the time at which it was to leave', scale: 'log' },
    joined: true,
    series: bySide(points),
  });
}

/** Figures that say with how many services they were measured. */
function memoryPlot(results: readonly Result[]): string | undefined {
  const figures = results
    .flatMap((result) => result.figures)
    .filter(({ services, unit }) => services !== undefined && unit === 'MB')
    .sort((a, b) => (a.services ?? 0) - (b.services ?? 0));
  const points = figures.flatMap((figure) =>
    sidesOf([figure]).flatMap((side) => {
      const y = middle(figure, side);
      return y === undefined ? [] : [{ side, point: { x: figure.services ?? 0, y } }];
    }),
  );
  if (points.length === 0) return undefined;
  return chart({
    title: 'Memory of a sidecar as the mesh grows',
    x: { label: 'services of three endpoints in the configuration', scale: 'log' },
    y: { label: 'MB, anonymous', scale: 'linear' },
    joined: true,
    series: bySide(points),
  });
}

function middle(figure: Figure, side: string): number | undefined {
  const values = figure.values[side] ?? [];
  return values.length === 0 ? undefined : spreadOf(values).median;
}

function bySide(points: readonly { readonly side: string; readonly point: Series['points'][number] }[]): Series[] {
  const sides = [...new Set(points.map(({ side }) => side))];
  return sides.map((side) => ({ side, points: points.filter((one) => one.side === side).map(({ point }) => point) }));
}
