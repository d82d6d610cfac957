import type { Graph, GraphEdge, GraphNode } from '../../common/observe/graph.js';
import { UsageError } from '../command.js';

export type Level = 'workload' | 'service' | 'namespace' | 'route' | 'edge';

/** What a user asks numbers of: all of a kind, or one by its name. */
export interface Target {
  readonly level: Level;
  readonly name?: string;
}

const LEVELS: Readonly<Record<string, Level>> = {
  workload: 'workload',
  workloads: 'workload',
  wl: 'workload',
  deploy: 'workload',
  deployment: 'workload',
  deployments: 'workload',
  sts: 'workload',
  statefulset: 'workload',
  statefulsets: 'workload',
  ds: 'workload',
  daemonset: 'workload',
  daemonsets: 'workload',
  service: 'service',
  services: 'service',
  svc: 'service',
  namespace: 'namespace',
  namespaces: 'namespace',
  ns: 'namespace',
  route: 'route',
  routes: 'route',
  edge: 'edge',
  edges: 'edge',
};

/** `services`, `deploy/reviews-v1`, `svc/reviews.default`, or a workload's name by itself. */
export function parseTarget(text: string): Target {
  const slash = text.indexOf('/');
  const kind = (slash < 0 ? text : text.slice(0, slash)).toLowerCase();
  const level = LEVELS[kind];
  if (slash < 0) return level === undefined ? { level: 'workload', name: text } : { level };
  if (level === undefined || level === 'edge') {
    throw new UsageError(`"${kind}" is none of deploy, service, namespace, route; say for example deploy/reviews-v1`);
  }
  return { level, name: text.slice(slash + 1) };
}

/** The nodes that a name means: `reviews` is also all workloads of the application reviews. Throws when there is none. */
export function nodesNamed(graph: Graph, { level, name }: Target, namespace: string | undefined): GraphNode[] {
  const kind = level === 'service' ? 'service' : 'workload';
  const all = graph.nodes.filter(
    (node) => node.kind === kind && (namespace === undefined || node.namespace === namespace),
  );
  if (name === undefined) return all;
  const exact = all.filter((node) => isNamed(node, name));
  const found = exact.length > 0 ? exact : all.filter((node) => node.kind === 'workload' && node.app === name);
  if (found.length > 0) return found;
  const known = all.flatMap((node) => (node.kind === 'outside' ? [] : node.name)).sort();
  throw new UsageError(
    `there is no ${level} ${name}${namespace === undefined ? '' : ` in namespace ${namespace}`}; there are: ${known.join(', ') || 'none'}`,
  );
}

function isNamed(node: GraphNode, name: string): boolean {
  if (node.kind === 'outside') return false;
  if (node.kind === 'service' && node.host === name) return true;
  return [node.name, `${node.name}.${node.namespace}`, `${node.namespace}/${node.name}`].includes(name);
}

/** Edges from or to any of the nodes. */
export function edgesOf(graph: Graph, nodes: readonly GraphNode[]): GraphEdge[] {
  const ids = new Set(nodes.map(({ id }) => id));
  return graph.edges.filter(({ source, destination, service }) =>
    [source, destination, service].some((id) => ids.has(id)),
  );
}
