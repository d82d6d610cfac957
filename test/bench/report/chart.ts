import { escapeText, legend, line, linearScale, logScale, round, type Scale, sideClass, svg, text } from './svg.js';

export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
  /** In the place of numbers: what stands at 0, 1, 2, … */
  readonly names?: readonly string[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Beside the point. */
  readonly label?: string;
}

export interface Series {
  readonly side: string;
  readonly points: readonly Point[];
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly joined: boolean;
  readonly series: readonly Series[];
}

const [WIDTH, HEIGHT] = [720, 380];
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 620, 60, 330];

/** Points of several sides over two axes. */
export function chart({ title, x, y, joined, series }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const across = scaleOf(
    x,
    points.map((point) => point.x),
    LEFT,
    RIGHT,
  );
  const up = scaleOf(
    y,
    points.map((point) => point.y),
    BOTTOM,
    TOP,
  );
  const body = [
    ...legend(
      series.map(({ side }) => side),
      LEFT,
      44,
    ),
    ...up.ticks.flatMap((tick) => [
      line('grid', LEFT, up.at(tick), RIGHT, up.at(tick)),
      text(LEFT - 8, up.at(tick) + 4, tickText(tick), 'end'),
    ]),
    ...across.ticks.flatMap((tick) => [
      line('grid', across.at(tick), BOTTOM, across.at(tick), BOTTOM + 5),
      text(across.at(tick), BOTTOM + 20, x.names?.[tick] ?? tickText(tick), 'middle'),
    ]),
    text(RIGHT, BOTTOM + 40, x.label, 'end'),
    text(RIGHT, 44, y.label, 'end'),
    ...series.flatMap((one) => drawSeries(one, across, up, joined)),
  ];
  return svg({ title, width: WIDTH, height: HEIGHT, body });
}

function scaleOf(axis: Axis, values: readonly number[], from: number, to: number): Scale {
  const most = Math.max(...values);
  if (axis.names !== undefined) {
    const last = axis.names.length - 1;
    return {
      at: (value) => from + ((to - from) * value) / Math.max(1, last),
      ticks: axis.names.map((_, index) => index),
    };
  }
  return axis.scale === 'log' ? logScale(Math.min(...values), most, from, to) : linearScale(most, from, to);
}

function tickText(value: number): string {
  return value >= 1000 ? value.toLocaleString('en') : String(value);
}

function drawSeries({ side, points }: Series, across: Scale, up: Scale, joined: boolean): string[] {
  const at = points.map((point) => [round(across.at(point.x)), round(up.at(point.y))] as const);
  const path = at.map(([x, y]) => `${x},${y}`).join(' ');
  return [
    ...(joined ? [`<polyline class="line ${sideClass(side)}" points="${path}"/>`] : []),
    ...points.flatMap((point, index) => {
      const [x, y] = at[index] ?? [0, 0];
      const tip = `${side}${point.label === undefined ? '' : ` ${point.label}`}: ${tickText(point.y)}`;
      return [
        `<circle class="point ${sideClass(side)}" cx="${x}" cy="${y}" r="5"><title>${escapeText(tip)}</title></circle>`,
        ...(point.label === undefined ? [] : [text(x + 9, y + 4, point.label, 'start')]),
      ];
    }),
  ];
}

export interface Bar {
  readonly side: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
}

export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

const ROW = 18;
const GROUP_GAP = 14;
const BAR_LEFT = 210;

/** Groups of horizontal bars, with the range of the rounds on each. */
export function barChart(title: string, unit: string, digits: number, groups: readonly BarGroup[]): string {
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map((bar) => bar.most)));
  const across = linearScale(most, BAR_LEFT, RIGHT);
  const sides = [...new Set(groups.flatMap(({ bars }) => bars.map(({ side }) => side)))];
  const body: string[] = legend(sides, BAR_LEFT, 44);
  let y = TOP;
  for (const { label, bars } of groups) {
    body.push(text(BAR_LEFT - 10, y + (bars.length * ROW) / 2 + 4, label, 'end', false));
    for (const bar of bars) {
      body.push(...drawBar(bar, across, y, digits));
      y += ROW;
    }
    y += GROUP_GAP;
  }
  body.push(text(RIGHT, y + 6, `${unit}; the line on a bar is the range of the rounds`, 'end'));
  return svg({ title, width: WIDTH, height: y + 18, body });
}

function drawBar({ side, value, least, most }: Bar, across: Scale, y: number, digits: number): string[] {
  const middle = y + ROW / 2 - 1;
  return [
    `<rect class="bar ${sideClass(side)}" x="${BAR_LEFT}" y="${y}" width="${round(across.at(value) - BAR_LEFT)}" height="${ROW - 3}" rx="2"/>`,
    line('whisker', across.at(least), middle, across.at(most), middle),
    text(across.at(Math.max(value, most)) + 6, middle + 5, value.toFixed(digits), 'start'),
  ];
}
