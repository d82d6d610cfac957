import type uPlot from 'uplot';
import { h } from '../dom.js';
import { currentColors } from '../graph/colors.js';
import { clockTime, millis, short } from '../model/format.js';
import type { Columns } from '../model/series.js';
import uPlotLibrary from '../vendor/uplot.js';

const HEIGHT = 128;

/** A moment to mark in the plots: a change of the configuration. */
export interface Moment {
  /** ms since the epoch. */
  readonly time: number;
  readonly title: string;
}

/** Requests and durations over time, one above the other, with one cursor. */
export class Plots {
  readonly element = h('div', { class: 'plots' });
  private readonly sync = uPlotLibrary.sync(`weft-${Math.random()}`);
  private plots: readonly uPlot[] = [];
  private columns: Columns | undefined;
  private moments: readonly Moment[] = [];
  private kind: 'http' | 'tcp' = 'http';

  constructor() {
    new ResizeObserver(() => {
      for (const plot of this.plots) plot.setSize({ width: this.width, height: HEIGHT });
    }).observe(this.element);
  }

  show(columns: Columns, kind: 'http' | 'tcp', moments: readonly Moment[]): void {
    this.columns = columns;
    this.moments = moments;
    if (this.plots.length > 0 && kind === this.kind) {
      dataOf(columns, kind).forEach((data, index) => {
        this.plots[index]?.setData(data);
      });
      return;
    }
    this.kind = kind;
    this.draw();
  }

  /** Anew, with the colours of the theme in force. */
  draw(): void {
    for (const plot of this.plots) plot.destroy();
    this.plots = [];
    if (this.columns === undefined) return;
    const data = dataOf(this.columns, this.kind);
    this.plots = this.definitions().flatMap((options, index) => {
      const columns = data[index];
      return columns === undefined ? [] : [new uPlotLibrary(options, columns, this.element)];
    });
  }

  private get width(): number {
    return Math.max(200, this.element.clientWidth);
  }

  private definitions(): uPlot.Options[] {
    const colors = currentColors();
    const line = (label: string, stroke: string, fill?: string): uPlot.Series => ({
      label,
      stroke,
      width: 1.5,
      ...(fill === undefined ? {} : { fill }),
      points: { show: false },
    });
    const first =
      this.kind === 'tcp'
        ? this.options('Bytes per second', short, [line('bytes', colors.accent, tinted(colors.accent))])
        : this.options('Requests per second', short, [
            line('all', colors.good, tinted(colors.good)),
            line('failed', colors.failing, tinted(colors.failing)),
          ]);
    if (this.kind === 'tcp') return [first];
    return [
      first,
      this.options('Duration', millis, [
        line('p50', colors.accent),
        line('p95', colors.degraded),
        line('p99', colors.failing),
      ]),
    ];
  }

  private options(title: string, format: (value: number) => string, series: uPlot.Series[]): uPlot.Options {
    const { muted, border } = currentColors();
    const value = (_plot: uPlot, raw: number | null): string => (raw === null || raw === undefined ? '–' : format(raw));
    const axis = {
      stroke: muted,
      font: '11px sans-serif',
      grid: { stroke: border, width: 0.5 },
      ticks: { show: false },
    };
    return {
      title,
      width: this.width,
      height: HEIGHT,
      cursor: { sync: { key: this.sync.key }, drag: { x: false, y: false } },
      scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
      series: [
        { value: (_plot, raw) => (raw === null || raw === undefined ? '–' : clockTime(raw * 1000)) },
        ...series.map((one) => ({ ...one, value })),
      ],
      axes: [
        {
          ...axis,
          space: 70,
          size: 24,
          values: (_plot, splits) => splits.map((at) => clockTime(at * 1000).slice(0, 5)),
        },
        { ...axis, space: 26, size: 54, values: (_plot, splits) => splits.map((split) => format(split)) },
      ],
      hooks: { draw: [(plot) => this.drawMoments(plot)] },
    };
  }

  private drawMoments(plot: uPlot): void {
    const { accent } = currentColors();
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = accent;
    ctx.fillStyle = accent;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const { time } of this.moments) {
      const x = plot.valToPos(time / 1000, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(x, bbox.top, 3 * devicePixelRatio, 0, Math.PI * 2);
      ctx.fill();
    }
    ctx.restore();
  }
}

function dataOf(columns: Columns, kind: 'http' | 'tcp'): uPlot.AlignedData[] {
  const times = [...columns.times];
  if (kind === 'tcp') return [[times, [...columns.bytes]]];
  return [
    [times, [...columns.requests], [...columns.errors]],
    [times, [...columns.p50], [...columns.p95], [...columns.p99]],
  ];
}

function tinted(color: string): string {
  return color.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.14)');
}
