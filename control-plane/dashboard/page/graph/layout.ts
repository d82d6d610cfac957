import type { Point, Size } from '../model/placement.js';
import { Graph, layout } from '../vendor/dagre.js';

export interface Box extends Size {
  readonly id: string;
  readonly group: string | undefined;
}

type Line = { readonly source: string; readonly target: string };
export type Direction = 'LR' | 'TB';

export interface Laid {
  readonly direction: Direction;
  readonly places: ReadonlyMap<string, Point>;
}

/** With more nodes than this, ranks would be too long: groups are laid out one by one. */
const MANY = 70;
/** Lines are easier to label when they run from left to right. */
const LEVEL_BONUS = 1.2;
const GROUP_GAP = 90;
const HEADLINE = 30;
/** A room of less width, px, is a phone's. */
export const NARROW = 640;
const ROW_GAP = { outside: 84, inside: 70 };
const COLUMN_GAP = 28;

/** Where everything stands when it is laid out anew in `room`: callers before those that they call, groups together. */
export function idealLayout(
  boxes: readonly Box[],
  edges: readonly Line[],
  groups: readonly string[],
  room: Size,
): Laid {
  if (boxes.length > MANY) return { direction: 'LR', places: packed(boxes, edges, room) };
  if (room.width < NARROW) return { direction: 'TB', places: stacked(boxes, edges, groups) };
  const level = dagre(boxes, edges, groups, 'LR');
  const upright = dagre(boxes, edges, groups, 'TB');
  const isLevel = zoomToFit(extentOf(boxes, level), room) * LEVEL_BONUS >= zoomToFit(extentOf(boxes, upright), room);
  return isLevel ? { direction: 'LR', places: level } : { direction: 'TB', places: upright };
}

function dagre(
  boxes: readonly Box[],
  edges: readonly Line[],
  groups: readonly string[],
  rankdir: Direction,
): Map<string, Point> {
  const graph = new Graph({ compound: true });
  const separation = rankdir === 'LR' ? { nodesep: 30, ranksep: 128 } : { nodesep: 30, ranksep: 88 };
  graph.setGraph({ rankdir, ...separation, edgesep: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  const known = new Set(groups);
  for (const id of groups) graph.setNode(id, {});
  for (const { id, width, height, group } of boxes) {
    graph.setNode(id, { width, height });
    if (group !== undefined && known.has(group)) graph.setParent(id, group);
  }
  for (const { source, target } of edges) {
    if (source !== target) graph.setEdge(source, target, { weight: 1, minlen: 1 });
  }
  layout(graph);
  const places = new Map<string, Point>();
  for (const { id } of boxes) {
    const { x = 0, y = 0 } = graph.node(id) as Partial<Point>;
    places.set(id, { x, y });
  }
  return places;
}

/** For a phone: from top to bottom, a group or two nodes a row. What calls nobody stands aside, where lines do not pass. */
function stacked(boxes: readonly Box[], edges: readonly Line[], groups: readonly string[]): Map<string, Point> {
  const ranked = dagre(boxes, edges, groups, 'TB');
  const calling = new Set(edges.map(({ source }) => source));
  const rankOf = (box: Box): number => Math.round(ranked.get(box.id)?.y ?? 0);
  const calls = (box: Box): boolean => calling.has(box.id);
  const known = new Set(groups);
  const items = new Map<string, Box[]>();
  for (const box of boxes) {
    const key = box.group !== undefined && known.has(box.group) ? box.group : `${rankOf(box)} ${calls(box)}`;
    items.set(key, [...(items.get(key) ?? []), box]);
  }
  const first = (item: readonly Box[]): number => Math.min(...item.map(rankOf));
  const grouped = (item: readonly Box[]): boolean => item[0]?.group !== undefined && known.has(item[0].group);
  const last = Math.max(...boxes.map(rankOf));
  const order = [...items.values()].sort((a, b) => first(a) - first(b) || Number(grouped(a)) - Number(grouped(b)));
  const places = new Map<string, Point>();
  let y = 0;
  for (const item of order) {
    const inside = grouped(item);
    if (inside) y += HEADLINE;
    for (const row of rowsOf(item, rankOf)) {
      putRow(row, y, places, !inside && row.every((box) => !calls(box) && rankOf(box) < last));
      y += Math.max(...row.map(({ height }) => height)) + (inside ? ROW_GAP.inside : ROW_GAP.outside);
    }
    if (inside) y += ROW_GAP.outside - ROW_GAP.inside + HEADLINE / 2;
  }
  return places;
}

/** Of one rank, at most two. */
function rowsOf(boxes: readonly Box[], rankOf: (box: Box) => number): Box[][] {
  const rows: Box[][] = [];
  for (const box of [...boxes].sort((a, b) => rankOf(a) - rankOf(b))) {
    const row = rows.at(-1);
    const [beside] = row ?? [];
    if (row?.length === 1 && beside !== undefined && rankOf(beside) === rankOf(box)) row.push(box);
    else rows.push([box]);
  }
  return rows;
}

function putRow(row: readonly Box[], y: number, places: Map<string, Point>, aside: boolean): void {
  const [one, other] = row;
  if (one === undefined) return;
  const away = (box: Box): number => (box.width + COLUMN_GAP) / 2;
  if (other === undefined) places.set(one.id, { x: aside ? away(one) : 0, y });
  else {
    places.set(one.id, { x: -away(one), y });
    places.set(other.id, { x: away(other), y });
  }
}

/** Each group by itself, long ranks in several columns, and the groups beside each other in rows. */
function packed(boxes: readonly Box[], edges: readonly Line[], room: Size): Map<string, Point> {
  const members = new Map<string, Box[]>();
  for (const box of boxes) {
    const group = box.group ?? '';
    members.set(group, [...(members.get(group) ?? []), box]);
  }
  const blocks = [...members.values()].map((own) => {
    const ids = new Set(own.map(({ id }) => id));
    const inside = edges.filter(({ source, target }) => ids.has(source) && ids.has(target));
    return blockOf(own, dagre(own, inside, [], 'LR'));
  });
  return shelves(blocks, room);
}

interface Block extends Size {
  readonly places: ReadonlyMap<string, Point>;
}

/** Keeps ranks and the order in them, but no rank is longer than makes the block about as wide as high. */
function blockOf(boxes: readonly Box[], ranked: ReadonlyMap<string, Point>): Block {
  const ranks = new Map<number, Box[]>();
  for (const box of boxes) {
    const rank = Math.round(ranked.get(box.id)?.x ?? 0);
    ranks.set(rank, [...(ranks.get(rank) ?? []), box]);
  }
  const rows = Math.max(4, Math.ceil(Math.sqrt(boxes.length * 2.2)));
  const places = new Map<string, Point>();
  let left = 0;
  let height = 0;
  for (const [, rank] of [...ranks].sort(([a], [b]) => a - b)) {
    rank.sort((a, b) => (ranked.get(a.id)?.y ?? 0) - (ranked.get(b.id)?.y ?? 0));
    for (let from = 0; from < rank.length; from += rows) {
      const column = rank.slice(from, from + rows);
      const width = Math.max(...column.map((box) => box.width));
      column.forEach((box, row) => {
        places.set(box.id, { x: left + width / 2, y: row * (box.height + 22) + box.height / 2 });
        height = Math.max(height, (row + 1) * (box.height + 22));
      });
      left += width + (from + rows < rank.length ? 34 : 96);
    }
  }
  return { places, width: left - 96, height };
}

function shelves(blocks: readonly Block[], room: Size): Map<string, Point> {
  const area = blocks.reduce((sum, { width, height }) => sum + (width + GROUP_GAP) * (height + GROUP_GAP), 0);
  const limit = Math.sqrt((area * room.width) / Math.max(1, room.height)) * 1.1;
  const places = new Map<string, Point>();
  let [x, y, shelf] = [0, 0, 0];
  for (const block of blocks) {
    if (x > 0 && x + block.width > limit) {
      [x, y, shelf] = [0, y + shelf + GROUP_GAP + HEADLINE, 0];
    }
    for (const [id, at] of block.places) places.set(id, { x: at.x + x, y: at.y + y });
    x += block.width + GROUP_GAP;
    shelf = Math.max(shelf, block.height);
  }
  return places;
}

function extentOf(boxes: readonly Box[], places: ReadonlyMap<string, Point>): Size {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { id, width, height } of boxes) {
    const { x, y } = places.get(id) ?? { x: 0, y: 0 };
    left = Math.min(left, x - width / 2);
    right = Math.max(right, x + width / 2);
    top = Math.min(top, y - height / 2);
    bottom = Math.max(bottom, y + height / 2);
  }
  return { width: right - left, height: bottom - top };
}

/** The zoom at which it fills the room. */
function zoomToFit(extent: Size, room: Size): number {
  return Math.min(room.width / Math.max(1, extent.width), room.height / Math.max(1, extent.height), 1.3);
}
