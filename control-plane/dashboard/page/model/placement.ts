export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const GAP = 18;

/**
 * Positions for `nodes` that leave those that have one where they are. A new node stands to its neighbour as it does in
 * `ideal`, a layout of the whole graph; where that is taken, below.
 */
export function place(
  nodes: readonly (Size & { readonly id: string })[],
  edges: readonly { readonly source: string; readonly target: string }[],
  known: ReadonlyMap<string, Point>,
  ideal: ReadonlyMap<string, Point>,
): Map<string, Point> {
  const placed = new Map<string, Point>();
  const boxes: (Point & Size)[] = [];
  const put = (node: Size & { readonly id: string }, at: Point): void => {
    placed.set(node.id, at);
    boxes.push({ ...at, width: node.width, height: node.height });
  };
  for (const node of nodes) {
    const at = known.get(node.id);
    if (at !== undefined) put(node, at);
  }
  const neighbours = neighboursOf(edges);
  const shift = meanShift(placed, ideal);
  for (const node of nodes) {
    if (placed.has(node.id)) continue;
    const goal = ideal.get(node.id) ?? { x: 0, y: 0 };
    const anchor = (neighbours.get(node.id) ?? []).find((id) => placed.has(id) && ideal.has(id));
    const from = anchor === undefined ? undefined : placed.get(anchor);
    const was = anchor === undefined ? undefined : ideal.get(anchor);
    const moved = from !== undefined && was !== undefined ? { x: from.x - was.x, y: from.y - was.y } : shift;
    put(node, free({ x: goal.x + moved.x, y: goal.y + moved.y }, node, boxes));
  }
  return placed;
}

function neighboursOf(edges: readonly { readonly source: string; readonly target: string }[]): Map<string, string[]> {
  const neighbours = new Map<string, string[]>();
  const link = (from: string, to: string): void => {
    const list = neighbours.get(from);
    if (list === undefined) neighbours.set(from, [to]);
    else list.push(to);
  };
  for (const { source, target } of edges) {
    link(source, target);
    link(target, source);
  }
  return neighbours;
}

/** How far what stands is from where it would stand by itself. */
function meanShift(placed: ReadonlyMap<string, Point>, ideal: ReadonlyMap<string, Point>): Point {
  let [x, y, count] = [0, 0, 0];
  for (const [id, at] of placed) {
    const goal = ideal.get(id);
    if (goal === undefined) continue;
    x += at.x - goal.x;
    y += at.y - goal.y;
    count++;
  }
  return count === 0 ? { x: 0, y: 0 } : { x: x / count, y: y / count };
}

function free(goal: Point, size: Size, boxes: readonly (Point & Size)[]): Point {
  let at = goal;
  // Each step passes at least one box.
  for (let tries = 0; tries <= boxes.length; tries++) {
    const hit = boxes.find((box) => overlaps(at, size, box));
    if (hit === undefined) break;
    at = { x: at.x, y: hit.y + (hit.height + size.height) / 2 + GAP };
  }
  return at;
}

function overlaps(at: Point, size: Size, box: Point & Size): boolean {
  return (
    Math.abs(at.x - box.x) < (size.width + box.width) / 2 + GAP / 2 &&
    Math.abs(at.y - box.y) < (size.height + box.height) / 2 + GAP / 2
  );
}
