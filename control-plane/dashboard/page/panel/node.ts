import type { Graph, WorkloadNode } from '../../../../common/observe/graph.js';
import { action, h } from '../dom.js';
import { icon } from '../icons.js';
import { bytesPerSecond, millis, percent, perSecond } from '../model/format.js';
import type { ViewEdge } from '../model/view-edges.js';
import type { ViewGraph, ViewNode } from '../model/view-graph.js';
import { facts, pill, section, table, tiles } from './parts.js';

const KINDS: Readonly<Record<ViewNode['kind'], string>> = {
  workload: 'workload',
  service: 'service',
  external: 'service outside of the mesh',
  gateway: 'gateway',
  app: 'application',
  outside: 'clients outside of the mesh',
};

export function nodeHead(node: ViewNode): HTMLElement[] {
  return [
    h('div', { class: `badge ${node.health}` }, icon(node.kind)),
    h(
      'div',
      {},
      h('p', { class: 'kind' }, KINDS[node.kind], node.namespace !== '' && ` in ${node.namespace}`),
      h('h2', {}, node.title),
    ),
  ];
}

export function nodeParts(
  node: ViewNode,
  view: ViewGraph,
  graph: Graph,
  open: (id: string) => void,
): { first: HTMLElement[]; last: HTMLElement[] } {
  const callers = view.edges.filter(({ target }) => target === node.id);
  const calls = view.edges.filter(({ source }) => source === node.id);
  const tcp = node.golden.requests === 0 && node.golden.receivedBytesPerSecond > 0;
  const title = (id: string): string => view.nodes.find((other) => other.id === id)?.title ?? id;
  const row = (edge: ViewEdge, other: string): (HTMLElement | string)[] => [
    action(title(other), () => open(edge.id)),
    edge.protocol === 'tcp'
      ? bytesPerSecond(edge.golden.receivedBytesPerSecond)
      : perSecond(edge.golden.requestsPerSecond),
    edge.golden.requests === 0 ? '–' : pill(percent(edge.golden.errorShare), edge.health),
    millis(edge.golden.p99Ms),
    edge.share === undefined ? '' : percent(edge.share),
  ];
  const heads = ['', 'rate', 'errors', 'p99', 'share'];
  const troubles = node.troubles.map((trouble) => h('p', { class: 'trouble' }, pill('!', 'degraded'), ` ${trouble}`));
  return {
    first: [
      ...troubles,
      ...(node.kind === 'outside' ? [] : [tiles(node.golden, tcp ? 'tcp' : 'http', connectionsOf(node))]),
      ...splitOf(node, graph, view, open),
    ],
    last: [
      section(
        'Called by',
        [
          table(
            heads,
            callers.map((edge) => row(edge, edge.source)),
            { empty: 'Nobody in this time.' },
          ),
        ],
        { count: callers.length },
      ),
      section(
        'Calls',
        [
          table(
            heads,
            calls.map((edge) => row(edge, edge.target)),
            { empty: 'Nobody in this time.' },
          ),
        ],
        { count: calls.length },
      ),
      ...workloadFacts(node),
    ],
  };
}

/** Open to its workloads now, as far as their proxies tell. */
function connectionsOf({ members }: ViewNode): number | undefined {
  const told = members.flatMap((member) => (member.kind === 'workload' ? (member.connections ?? []) : []));
  return told.length === 0 ? undefined : told.reduce((sum, count) => sum + count, 0);
}

/** Bars that show how a service's requests are divided among its versions. */
function splitOf(node: ViewNode, { splits }: Graph, view: ViewGraph, open: (id: string) => void): HTMLElement[] {
  const ids = new Set(node.members.map(({ id }) => id));
  return splits
    .filter(({ service }) => ids.has(service))
    .map(({ parts }) =>
      h(
        'div',
        { class: 'split', role: 'group', 'aria-label': 'How its requests are divided' },
        ...parts.map(({ workload, version, share, requestsPerSecond }) =>
          h(
            'div',
            { class: 'part' },
            view.nodes.some(({ id }) => id === workload)
              ? action(version || workload.slice(workload.lastIndexOf('/') + 1), () => open(workload))
              : version,
            h('meter', { min: 0, max: 1, value: share.toFixed(3), 'aria-label': version }),
            h('b', {}, percent(share)),
            h('span', { class: 'muted' }, perSecond(requestsPerSecond)),
          ),
        ),
      ),
    );
}

function workloadFacts(node: ViewNode): HTMLElement[] {
  const workloads = node.members.filter((member): member is WorkloadNode => member.kind === 'workload');
  if (workloads.length !== 1) return [];
  return workloads.map((workload) =>
    section('Workload', [
      facts([
        ['application', workload.app],
        ['version', workload.version || '–'],
        ['services', workload.services.map((id) => id.replace(/^service\//, '')).join(', ') || 'none'],
        ['instances', `${workload.instances}, ${workload.connected} connected, ${workload.observed} report`],
        workload.proxyVersions.length === 0 ? undefined : ['proxy', workload.proxyVersions.join(', ')],
      ]),
    ]),
  );
}
