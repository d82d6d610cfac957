import type { Graph, WorkloadNode } from '../../../common/observe/graph.js';
import { fill, h } from './dom.js';
import { icon } from './icons.js';
import { millis, percent, perSecond, plural } from './model/format.js';
import { addUp, type Health, healthOf } from './model/signals.js';

/** The mesh at a glance: is anything wrong? */
export function showSummary(element: HTMLElement, graph: Graph): void {
  const http = graph.edges.filter(({ protocol }) => protocol !== 'tcp');
  const total = addUp(http.map(({ golden }) => golden));
  const known = graph.edges.filter(({ security }) => security.kind !== 'unknown');
  const secured = known.filter(({ security }) => security.kind === 'mtls').length;
  const workloads = graph.nodes.filter((node): node is WorkloadNode => node.kind === 'workload');
  const unwell = workloads.filter(({ sync }) => sync === 'nacked').length;
  const stale = workloads.filter(({ sync }) => sync === 'stale').length;
  const item = (value: string, label: string, tone: Health | '' = '', title?: string): HTMLElement =>
    h('span', { class: `glance ${tone}`, title }, h('b', {}, value), ` ${label}`);
  fill(
    element,
    item(perSecond(total.requestsPerSecond), 'requests'),
    item(total.requests === 0 ? '–' : percent(1 - total.errorShare), 'success', healthOf(total)),
    item(millis(total.p99Ms), 'p99', '', 'of the slowest hop'),
    known.length > 0 &&
      h('span', { class: 'glance' }, icon('lock'), h('b', {}, percent(secured / known.length)), ' mTLS'),
    item(String(workloads.length), workloads.length === 1 ? 'workload' : 'workloads'),
    unwell > 0 && item(String(unwell), `${unwell === 1 ? 'refuses' : 'refuse'} configuration`, 'failing'),
    stale > 0 && item(String(stale), plural(stale, 'stale', 'stale').replace(/^\d+ /, ''), 'degraded'),
  );
}
