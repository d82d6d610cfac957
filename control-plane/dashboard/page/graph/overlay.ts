import { ICONS, type IconName } from '../icons.js';
import type { Point, Size } from '../model/placement.js';
import type { Health } from '../model/signals.js';
import type { Colors } from './colors.js';

export interface NodeText extends Point, Size {
  readonly title: string;
  readonly subtitle: string;
  /** Behind the subtitle, in the colour of trouble. */
  readonly alarm: string;
  readonly icon: IconName;
  readonly health: Health;
  readonly troubled: boolean;
  readonly faded: boolean;
}

export interface EdgeText extends Point {
  /** First line, in parts that stand beside each other. */
  readonly parts: readonly { readonly text: string; readonly tone: 'strong' | 'plain' | 'alarm' }[];
  readonly second: string;
  readonly icons: readonly { readonly name: IconName; readonly tone: 'muted' | 'good' | 'alarm' | 'warning' }[];
  readonly faded: boolean;
}

const FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif";
const TITLE = `600 13px ${FONT}`;
const SMALL = `11px ${FONT}`;
const STRONG = `600 11px ${FONT}`;
const ICON_ROOM = 38;
const MAX_WIDTH = 240;

/** Below this zoom, edges and second lines would be too small to read. */
export const READABLE_FROM = 0.42;
export const NAMES_FROM = 0.2;
const TIMES_FROM = 0.58;

const paths = new Map<IconName, Path2D>();
const MAX_MEASURED = 5000;
const measured = new Map<string, number>();
const measuring = document.createElement('canvas').getContext('2d');

export function textWidth(text: string, font: string): number {
  if (measuring === null) return text.length * 7;
  const key = `${font} ${text}`;
  const known = measured.get(key);
  if (known !== undefined) return known;
  if (measured.size > MAX_MEASURED) measured.clear();
  measuring.font = font;
  const { width } = measuring.measureText(text);
  measured.set(key, width);
  return width;
}

/** The box that a node needs for its texts. */
export function nodeSize(title: string, subtitle: string): Size {
  const width = Math.max(textWidth(title, TITLE), textWidth(subtitle, STRONG)) + ICON_ROOM + 14;
  return { width: Math.round(Math.min(MAX_WIDTH, Math.max(120, width)) / 10) * 10, height: 48 };
}

/** Writes on a canvas above the graph what Cytoscape's labels cannot: two fonts, icons and colours in one label. */
export class Overlay {
  private readonly canvas = document.createElement('canvas');
  private readonly context = this.canvas.getContext('2d');

  constructor(private readonly container: HTMLElement) {
    this.canvas.className = 'overlay';
    this.canvas.setAttribute('aria-hidden', 'true');
    container.append(this.canvas);
  }

  draw(
    nodes: readonly NodeText[],
    edges: readonly EdgeText[],
    view: { readonly zoom: number; readonly pan: Point },
    colors: Colors,
  ): void {
    const { context } = this;
    if (context === null) return;
    this.begin(context, view);
    if (view.zoom >= READABLE_FROM) for (const edge of edges) drawEdge(context, edge, colors, view.zoom);
    if (view.zoom >= NAMES_FROM) for (const node of nodes) drawNode(context, node, colors, view.zoom);
    context.globalAlpha = 1;
  }

  private begin(context: CanvasRenderingContext2D, { zoom, pan }: { zoom: number; pan: Point }): void {
    const ratio = devicePixelRatio;
    const { clientWidth, clientHeight } = this.container;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(zoom * ratio, 0, 0, zoom * ratio, pan.x * ratio, pan.y * ratio);
    context.textBaseline = 'middle';
    context.lineCap = 'round';
    context.lineJoin = 'round';
  }
}

function drawNode(context: CanvasRenderingContext2D, node: NodeText, colors: Colors, zoom: number): void {
  context.globalAlpha = node.faded ? 0.25 : 1;
  const left = node.x - node.width / 2;
  const tint = colors[node.health];
  context.fillStyle = tint;
  context.globalAlpha *= 0.16;
  context.beginPath();
  context.roundRect(left + 9, node.y - 13, 26, 26, 8);
  context.fill();
  context.globalAlpha = node.faded ? 0.25 : 1;
  drawIcon(context, node.icon, left + 14, node.y - 8, 16, node.health === 'idle' ? colors.muted : tint);
  const room = node.width - ICON_ROOM - 14;
  const readable = zoom >= READABLE_FROM;
  context.textAlign = 'left';
  context.fillStyle = colors.text;
  context.font = TITLE;
  context.fillText(fitted(context, node.title, room), left + ICON_ROOM + 5, node.y - (readable ? 8 : 0));
  if (readable) drawSubtitle(context, node, colors, left + ICON_ROOM + 5, room);
  if (node.troubled) drawBadge(context, left + node.width - 6, node.y - node.height / 2 + 6, colors);
}

function drawSubtitle(
  context: CanvasRenderingContext2D,
  node: NodeText,
  colors: Colors,
  x: number,
  room: number,
): void {
  context.font = SMALL;
  context.fillStyle = colors.muted;
  const text = fitted(context, node.subtitle, room);
  context.fillText(text, x, node.y + 10);
  if (node.alarm === '') return;
  const from = context.measureText(text).width;
  context.font = STRONG;
  context.fillStyle = node.health === 'failing' ? colors.failing : colors.degraded;
  context.fillText(node.alarm, x + from, node.y + 10);
}

/** Something besides the traffic is wrong. */
function drawBadge(context: CanvasRenderingContext2D, x: number, y: number, colors: Colors): void {
  context.fillStyle = colors.degraded;
  context.beginPath();
  context.arc(x, y, 8, 0, Math.PI * 2);
  context.fill();
  context.fillStyle = colors.card;
  context.font = `700 11px ${FONT}`;
  context.textAlign = 'center';
  context.fillText('!', x, y + 0.5);
}

function drawEdge(context: CanvasRenderingContext2D, edge: EdgeText, colors: Colors, zoom: number): void {
  if (edge.parts.length === 0 && edge.icons.length === 0) return;
  context.globalAlpha = edge.faded ? 0.12 : 1;
  const gap = 5;
  const widths = edge.parts.map(({ text, tone }) => textWidth(text, tone === 'plain' ? SMALL : STRONG));
  const icons = edge.icons.length * 15;
  const texts = widths.reduce((sum, width) => sum + width + gap, -gap);
  const content = icons + Math.max(0, texts);
  const two = edge.second !== '' && zoom >= TIMES_FROM;
  const width = Math.max(content, two ? textWidth(edge.second, SMALL) : 0) + 12;
  const height = two ? 32 : 18;
  context.fillStyle = colors.background;
  context.strokeStyle = colors.border;
  context.lineWidth = 0.8;
  context.beginPath();
  context.roundRect(edge.x - width / 2, edge.y - height / 2, width, height, 9);
  context.fill();
  context.stroke();
  const y = edge.y - (two ? 7 : 0);
  let x = edge.x - content / 2;
  for (const { name, tone } of edge.icons) {
    drawIcon(context, name, x, y - 6, 12, toneColor(tone, colors));
    x += 15;
  }
  context.textAlign = 'left';
  edge.parts.forEach(({ text, tone }, index) => {
    context.font = tone === 'plain' ? SMALL : STRONG;
    context.fillStyle = tone === 'alarm' ? colors.failing : tone === 'strong' ? colors.text : colors.muted;
    context.fillText(text, x, y + 0.5);
    x += (widths[index] ?? 0) + gap;
  });
  if (!two) return;
  context.font = SMALL;
  context.fillStyle = colors.muted;
  context.textAlign = 'center';
  context.fillText(edge.second, edge.x, edge.y + 8);
}

function toneColor(tone: 'muted' | 'good' | 'alarm' | 'warning', colors: Colors): string {
  return { muted: colors.muted, good: colors.good, alarm: colors.failing, warning: colors.degraded }[tone];
}

function drawIcon(
  context: CanvasRenderingContext2D,
  name: IconName,
  x: number,
  y: number,
  size: number,
  color: string,
): void {
  let path = paths.get(name);
  if (path === undefined) {
    path = new Path2D(ICONS[name]);
    paths.set(name, path);
  }
  context.save();
  context.translate(x, y);
  context.scale(size / 24, size / 24);
  context.strokeStyle = color;
  context.lineWidth = 2.2;
  context.stroke(path);
  context.restore();
}

function fitted(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let end = text.length - 1;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > room) end--;
  return `${text.slice(0, end)}…`;
}
