import { fill, h } from './dom.js';
import { MARK_NAMES } from './graph/labels.js';
import { type IconName, icon } from './icons.js';
import type { Mark } from './model/view-edges.js';

/** What the signs of the graph mean. */
export function showLegend(element: HTMLElement): void {
  const row = (name: IconName, text: string, tone = ''): HTMLElement =>
    h('li', {}, h('span', { class: tone }, icon(name)), text);
  const line = (tone: string, text: string): HTMLElement => h('li', {}, h('span', { class: `line ${tone}` }), text);
  fill(
    element,
    h('summary', {}, 'Legend'),
    h(
      'ul',
      {},
      line('good', 'healthy'),
      line('degraded', 'some requests fail'),
      line('failing', '5 % or more fail'),
      line('idle', 'idle'),
      row('lock', 'mutual TLS', 'good'),
      row('unlocked', 'plain text, or partly'),
      ...(Object.keys(MARK_NAMES) as Mark[]).map((mark) => row(mark, MARK_NAMES[mark], 'degraded')),
    ),
    h(
      'ul',
      {},
      row('service', 'service with several versions'),
      row('workload', 'workload'),
      row('gateway', 'gateway'),
      row('external', 'outside of the mesh'),
    ),
    h('p', { class: 'muted' }, 'Keys: / search, arrows and Enter, + − 0 zoom, l lay out, Esc close'),
  );
}
