import type { Point } from '../model/placement.js';
import type { Health } from '../model/signals.js';
import type { Colors } from './colors.js';
import { pointOn } from './curve.js';

export interface FlowLine {
  readonly id: string;
  readonly path: readonly Point[];
  readonly requestsPerSecond: number;
  readonly health: Health;
}

/** With more lines than this, moving dots say nothing and cost much. */
export const MAX_LINES = 120;
const FRAME_MS = 40;
/** How long a dot is on its way, ms. */
const JOURNEY_MS = 2200;

/** Dots that travel where requests do, more of them where there are more; not for people who want nothing to move. */
export class Flow {
  private readonly canvas = document.createElement('canvas');
  private readonly context = this.canvas.getContext('2d');
  private readonly still = matchMedia('(prefers-reduced-motion: reduce)');
  private lines: readonly FlowLine[] = [];
  private last = 0;

  constructor(
    private readonly container: HTMLElement,
    private readonly view: () => { readonly zoom: number; readonly pan: Point },
    private readonly colors: () => Colors,
  ) {
    this.canvas.className = 'overlay';
    this.canvas.setAttribute('aria-hidden', 'true');
    container.append(this.canvas);
    const frame = (now: number): void => {
      if (now - this.last >= FRAME_MS) {
        this.last = now;
        this.draw(now);
      }
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  show(lines: readonly FlowLine[]): void {
    this.lines = lines.length > MAX_LINES || this.still.matches ? [] : lines;
    if (this.lines.length === 0) this.clear();
  }

  private draw(now: number): void {
    const { context } = this;
    if (context === null || this.lines.length === 0 || this.container.offsetParent === null) return;
    this.clear();
    const { zoom, pan } = this.view();
    const ratio = devicePixelRatio;
    const colors = this.colors();
    context.setTransform(zoom * ratio, 0, 0, zoom * ratio, pan.x * ratio, pan.y * ratio);
    for (const { path, requestsPerSecond, health } of this.lines) {
      const dots = Math.min(6, Math.max(1, Math.round(Math.sqrt(requestsPerSecond))));
      context.fillStyle = colors[health];
      for (let dot = 0; dot < dots; dot++) {
        const { x, y } = pointOn(path, (now / JOURNEY_MS + dot / dots) % 1);
        context.beginPath();
        context.arc(x, y, 3.2, 0, Math.PI * 2);
        context.fill();
      }
    }
  }

  private clear(): void {
    const ratio = devicePixelRatio;
    const [width, height] = [
      Math.round(this.container.clientWidth * ratio),
      Math.round(this.container.clientHeight * ratio),
    ];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context?.setTransform(1, 0, 0, 1, 0, 0);
    this.context?.clearRect(0, 0, width, height);
  }
}
