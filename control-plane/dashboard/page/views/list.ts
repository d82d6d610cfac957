import type { Graph } from '../../../../common/observe/graph.js';
import { action, fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { bytesPerSecond, millis, percent, perSecond } from '../model/format.js';
import type { ViewGraph } from '../model/view-graph.js';
import { pill, table } from '../panel/parts.js';

/** The graph as tables, for the keyboard, for screen readers and for those who like tables. */
export function showList(element: HTMLElement, view: ViewGraph, graph: Graph, open: (id: string) => void): void {
  const nodes = [...view.nodes].sort(
    (a, b) => b.golden.errorShare - a.golden.errorShare || b.golden.requestsPerSecond - a.golden.requestsPerSecond,
  );
  const edges = [...view.edges].sort(
    (a, b) => b.golden.errorShare - a.golden.errorShare || b.golden.requestsPerSecond - a.golden.requestsPerSecond,
  );
  const title = (id: string): string => view.nodes.find((node) => node.id === id)?.title ?? id;
  fill(
    element,
    h('h2', {}, 'Workloads and services'),
    table(
      ['name', 'namespace', 'version', 'rate', 'errors', 'p50', 'p99', ''],
      nodes.map(({ id, kind, title: name, subtitle, namespace, golden, health, troubles }) => [
        [icon(kind, kind), ' ', action(name, () => open(id))],
        namespace,
        subtitle,
        perSecond(golden.requestsPerSecond),
        golden.requests === 0 ? '–' : pill(percent(golden.errorShare), health),
        millis(golden.p50Ms),
        millis(golden.p99Ms),
        troubles.join('; '),
      ]),
      { class: 'wide', empty: 'Nobody has sent anything in this time.' },
    ),
    h('h2', {}, 'Who talks to whom'),
    table(
      ['from', 'to', 'protocol', 'security', 'share', 'rate', 'errors', 'p50', 'p99'],
      edges.map((edge) => [
        title(edge.source),
        action(title(edge.target), () => open(edge.id)),
        edge.protocol,
        edge.security === 'mtls' ? [icon('lock'), ' mTLS'] : edge.security,
        edge.share === undefined ? '' : percent(edge.share),
        edge.protocol === 'tcp'
          ? bytesPerSecond(edge.golden.receivedBytesPerSecond)
          : perSecond(edge.golden.requestsPerSecond),
        edge.golden.requests === 0 ? '–' : pill(percent(edge.golden.errorShare), edge.health),
        millis(edge.golden.p50Ms),
        millis(edge.golden.p99Ms),
      ]),
      { class: 'wide', empty: 'No traffic in this time.' },
    ),
    ...graph.notes.map((note) => h('p', { class: 'muted' }, note)),
  );
}
