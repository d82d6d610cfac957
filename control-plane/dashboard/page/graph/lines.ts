import type { Point, Size } from '../model/placement.js';
import type { ViewEdge } from '../model/view-edges.js';
import { type Curve, curveBetween, pathBetween, pointOn } from './curve.js';
import type { Direction } from './layout.js';

const LANE = 16;

interface Line {
  readonly curve: Curve;
  readonly path: readonly Point[];
  /** How far it is from the middle between its nodes, in lines. */
  readonly lane: number;
}

export interface Stage {
  readonly places: ReadonlyMap<string, Point>;
  readonly sizes: ReadonlyMap<string, Size>;
  readonly direction: Direction;
  /** Lines go the shortest way: curves of many are slow to draw, and no easier to follow. */
  readonly straight: boolean;
}

/** Where lines run. They are worked out here, because asking Cytoscape for them makes it work out the whole picture anew. */
export class Lines {
  private lines: ReadonlyMap<string, Line> = new Map();
  private degrees: ReadonlyMap<string, number> = new Map();

  /** Lines between the same two nodes run beside each other. */
  arrange(edges: readonly ViewEdge[], stage: Stage): void {
    const pairs = new Map<string, ViewEdge[]>();
    for (const edge of edges) {
      const pair = `${edge.source} ${edge.target}`;
      const beside = pairs.get(pair);
      if (beside === undefined) pairs.set(pair, [edge]);
      else beside.push(edge);
    }
    this.degrees = degreesOf([...pairs.keys()]);
    const lines = new Map<string, Line>();
    for (const beside of pairs.values()) {
      beside.forEach((edge, index) => {
        const line = lineOf(edge, index - (beside.length - 1) / 2, stage);
        if (line !== undefined) lines.set(edge.id, line);
      });
    }
    this.lines = lines;
  }

  curveOf(id: string): Curve | undefined {
    return this.lines.get(id)?.curve;
  }

  pathOf(id: string): readonly Point[] {
    return this.lines.get(id)?.path ?? [];
  }

  /** Where several lines leave or meet, their labels stand at the other end. */
  labelPlace({ id, source, target }: ViewEdge): Point | undefined {
    const line = this.lines.get(id);
    if (line === undefined) return undefined;
    const [out, into] = [this.degrees.get(`from ${source}`) ?? 1, this.degrees.get(`to ${target}`) ?? 1];
    const at = line.lane !== 0 ? 0.5 + line.lane * 0.3 : into > out ? 0.32 : out > 1 ? 0.66 : 0.5;
    return pointOn(line.path, at);
  }
}

function lineOf({ source, target }: ViewEdge, lane: number, stage: Stage): Line | undefined {
  const { places, sizes, direction, straight } = stage;
  const [from, to] = [places.get(source), places.get(target)];
  const [size, targetSize] = [sizes.get(source), sizes.get(target)];
  if (from === undefined || to === undefined || size === undefined || targetSize === undefined) return undefined;
  const ends = [{ ...from, ...size }, { ...to, ...targetSize }, direction, lane * LANE] as const;
  const path = pathBetween(...ends);
  const [start, end] = [path[0], path.at(-1)];
  return {
    curve: curveBetween(...ends),
    path: straight && start !== undefined && end !== undefined ? [start, end] : path,
    lane,
  };
}

/** How many nodes a node calls, and by how many it is called, by `from ID` and `to ID`. */
function degreesOf(pairs: readonly string[]): Map<string, number> {
  const degrees = new Map<string, number>();
  for (const pair of pairs) {
    const [source, target] = pair.split(' ');
    for (const key of [`from ${source}`, `to ${target}`]) degrees.set(key, (degrees.get(key) ?? 0) + 1);
  }
  return degrees;
}
