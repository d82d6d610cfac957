import type { Point, Size } from '../model/placement.js';

/** How Cytoscape is told a curve: ends relative to the nodes' middles, control points relative to the line between the ends. */
export interface Curve {
  readonly sourceEndpoint: string;
  readonly targetEndpoint: string;
  readonly distances: string;
  readonly weights: string;
  /** It goes back: its ends are wherever the line meets the nodes. */
  readonly arc: 0 | 1;
}

type Placed = Point & Size;

/** Ends that are nearer than this along the direction of the layout are joined by an arc. */
const MIN_RUN = 30;

/**
 * A curve that leaves a node in the direction of the layout and arrives in it; one that goes back is an arc beside the nodes.
 * `lane` keeps lines between the same nodes apart: 0 is in the middle.
 */
export function curveBetween(source: Placed, target: Placed, direction: 'LR' | 'TB', lane: number): Curve {
  const { out, into, start, end, run } = endsOf(source, target, direction, lane);
  if (run < MIN_RUN) {
    return {
      sourceEndpoint: 'outside-to-node',
      targetEndpoint: 'outside-to-node',
      distances: `${arcHeight(lane)}`,
      weights: '0.5',
      arc: 1,
    };
  }
  const points = bends(start, end, direction, run).map((point) => relative(point, start, end));
  return {
    sourceEndpoint: `${out.x}px ${out.y}px`,
    targetEndpoint: `${into.x}px ${into.y}px`,
    distances: points.map(({ distance }) => distance.toFixed(2)).join(' '),
    weights: points.map(({ weight }) => weight.toFixed(4)).join(' '),
    arc: 0,
  };
}

/** The same curve as points: its ends, and the control points between them. */
export function pathBetween(source: Placed, target: Placed, direction: 'LR' | 'TB', lane: number): Point[] {
  const { start, end, run } = endsOf(source, target, direction, lane);
  if (run >= MIN_RUN) return [start, ...bends(start, end, direction, run), end];
  const [dx, dy] = [target.x - source.x, target.y - source.y];
  const length = Math.max(1, Math.hypot(dx, dy));
  const height = arcHeight(lane);
  const top = {
    x: (source.x + target.x) / 2 - (dy / length) * height,
    y: (source.y + target.y) / 2 + (dx / length) * height,
  };
  return [borderOf(source, top), top, borderOf(target, top)];
}

interface Ends {
  /** Relative to the nodes' middles. */
  readonly out: Point;
  readonly into: Point;
  readonly start: Point;
  readonly end: Point;
  /** How far it goes in the direction of the layout. */
  readonly run: number;
}

function endsOf(source: Placed, target: Placed, direction: 'LR' | 'TB', lane: number): Ends {
  const out = direction === 'LR' ? { x: source.width / 2, y: lane } : { x: lane, y: source.height / 2 };
  const into = direction === 'LR' ? { x: -target.width / 2, y: lane } : { x: lane, y: -target.height / 2 };
  const start = { x: source.x + out.x, y: source.y + out.y };
  const end = { x: target.x + into.x, y: target.y + into.y };
  return { out, into, start, end, run: direction === 'LR' ? end.x - start.x : end.y - start.y };
}

function bends(start: Point, end: Point, direction: 'LR' | 'TB', run: number): readonly [Point, Point] {
  const bend = run * 0.32;
  return direction === 'LR'
    ? [
        { x: start.x + bend, y: start.y },
        { x: end.x - bend, y: end.y },
      ]
    : [
        { x: start.x, y: start.y + bend },
        { x: end.x, y: end.y - bend },
      ];
}

function arcHeight(lane: number): number {
  return 60 + Math.abs(lane) * 2;
}

/** Where the way from a node's middle to `toward` leaves it. */
function borderOf(box: Placed, toward: Point): Point {
  const [dx, dy] = [toward.x - box.x, toward.y - box.y];
  const share = Math.min(
    1,
    box.width / 2 / Math.max(1e-6, Math.abs(dx)),
    box.height / 2 / Math.max(1e-6, Math.abs(dy)),
  );
  return { x: box.x + dx * share, y: box.y + dy * share };
}

function relative(point: Point, start: Point, end: Point): { weight: number; distance: number } {
  const [dx, dy] = [end.x - start.x, end.y - start.y];
  const length = Math.hypot(dx, dy);
  const [px, py] = [point.x - start.x, point.y - start.y];
  return { weight: (px * dx + py * dy) / (length * length), distance: (px * -dy + py * dx) / length };
}

/** A point on the way through `path`, `t` in [0, 1]: ends, and between them control points of quadratic curves that join smoothly. */
export function pointOn(path: readonly Point[], t: number): Point {
  const start = path[0] ?? { x: 0, y: 0 };
  const end = path.at(-1) ?? start;
  const controls = path.slice(1, -1);
  if (controls.length === 0) return mix(start, end, t);
  const at = Math.min(t * controls.length, controls.length - 1e-6);
  const index = Math.floor(at);
  const control = controls[index] ?? start;
  const before = controls[index - 1];
  const after = controls[index + 1];
  const from = before === undefined ? start : mix(before, control, 0.5);
  const to = after === undefined ? end : mix(control, after, 0.5);
  const local = at - index;
  return mix(mix(from, control, local), mix(control, to, local), local);
}

function mix(a: Point, b: Point, t: number): Point {
  return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
}
