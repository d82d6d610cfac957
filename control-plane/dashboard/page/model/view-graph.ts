import type { Golden, Graph, GraphNode, ServiceNode, WorkloadNode } from '../../../../common/observe/graph.js';
import { addUp, type Health, healthOf, NOTHING } from './signals.js';
import { type Ends, type ViewEdge, viewEdges } from './view-edges.js';

/** `versions`: services with several workloads stand before them; `workloads`: only these; `apps`: one node an application. */
export type Detail = 'versions' | 'workloads' | 'apps';
export type Grouping = 'namespace' | 'app' | 'none';

export interface ViewOptions {
  readonly detail: Detail;
  readonly grouping: Grouping;
  readonly hideIdle: boolean;
  /** Empty shows all of them. */
  readonly namespaces: ReadonlySet<string>;
  /** Words that a node's name, namespace, application or host contains; neighbours of what is found stay. */
  readonly search: string;
}

export type ViewKind = 'workload' | 'service' | 'external' | 'gateway' | 'app' | 'outside';

export interface ViewNode {
  readonly id: string;
  readonly kind: ViewKind;
  readonly title: string;
  /** Version, or what kind of thing it is. */
  readonly subtitle: string;
  readonly namespace: string;
  readonly app: string;
  /** Id of its group; undefined without one. */
  readonly group: string | undefined;
  readonly golden: Golden;
  readonly health: Health;
  /** Something besides its traffic is wrong; for people. */
  readonly troubles: readonly string[];
  /** It is what was searched for. */
  readonly found: boolean;
  /** What it stands for in the answer: several for an application. */
  readonly members: readonly GraphNode[];
  /** Ids of services without a node of their own that are drawn as this one. */
  readonly standsFor: readonly string[];
}

export interface ViewGroup {
  readonly id: string;
  readonly title: string;
}

export interface ViewGraph {
  readonly nodes: readonly ViewNode[];
  readonly edges: readonly ViewEdge[];
  readonly groups: readonly ViewGroup[];
}

/** What is drawn of a graph. */
export function viewGraph(graph: Graph, options: ViewOptions): ViewGraph {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const lifted = options.detail === 'apps' ? byApp(graph, byId) : plainNodes(graph, options.detail);
  const edges = viewEdges(graph.edges, lifted);
  return filtered(lifted.nodes, edges, options);
}

/** The nodes that are drawn, and by which of them another is represented. */
interface Lifted extends Ends {
  readonly nodes: readonly ViewNode[];
}

function plainNodes(graph: Graph, detail: Detail): Lifted {
  const split = new Set<string>();
  const single = new Map<string, string>();
  for (const node of graph.nodes) {
    if (node.kind !== 'service') continue;
    if (detail === 'versions' && node.workloads.length > 1) split.add(node.id);
    if (node.workloads.length === 1 && node.workloads[0] !== undefined) single.set(node.id, node.workloads[0]);
  }
  const needed = new Set(graph.edges.map(({ destination }) => destination));
  const nodes = graph.nodes.filter(
    (node) =>
      node.kind !== 'service' ||
      split.has(node.id) ||
      (needed.has(node.id) && !single.has(node.id)) ||
      isUnbacked(node),
  );
  return {
    nodes: nodes.map((node) => ({
      ...viewNode(node, split.has(node.id)),
      standsFor: [...single].flatMap(([service, workload]) => (workload === node.id ? service : [])),
    })),
    nodeOf: (id) => (split.has(id) ? id : (single.get(id) ?? id)),
    serviceOf: ({ service, destination }) => (split.has(service) && service !== destination ? service : undefined),
  };
}

/** A service that could be called, with nobody behind it. */
function isUnbacked(node: ServiceNode): boolean {
  return node.workloads.length === 0;
}

function byApp(graph: Graph, byId: ReadonlyMap<string, GraphNode>): Lifted {
  const members = new Map<string, GraphNode[]>();
  const appOf = (id: string): string => {
    const node = byId.get(id);
    if (node?.kind === 'workload') return `app/${node.namespace}/${node.app}`;
    const [first] = node?.kind === 'service' ? node.workloads : [];
    return first === undefined || first === id ? id : appOf(first);
  };
  for (const node of graph.nodes) {
    const id = appOf(node.id);
    members.set(id, [...(members.get(id) ?? []), node]);
  }
  const nodes = [...members].flatMap(([id, all]) => {
    const [first] = all;
    if (first === undefined) return [];
    return [id === first.id ? viewNode(first, false) : appNode(id, all)];
  });
  return { nodes, nodeOf: appOf, serviceOf: () => undefined };
}

function appNode(id: string, members: readonly GraphNode[]): ViewNode {
  const workloads = members.filter((node): node is WorkloadNode => node.kind === 'workload');
  const [first] = workloads;
  const golden = addUp(workloads.map(({ inbound }) => inbound));
  const versions = workloads.map(({ version }) => version).filter((version) => version !== '');
  return {
    id,
    kind: workloads.some(({ gateway }) => gateway) ? 'gateway' : 'app',
    title: first?.app ?? id,
    subtitle: versions.join(', '),
    namespace: first?.namespace ?? '',
    app: first?.app ?? '',
    group: undefined,
    golden,
    health: healthOf(golden),
    troubles: [...new Set(workloads.flatMap(troublesOf))],
    found: false,
    members,
    standsFor: members.flatMap((node) => (node.kind === 'service' ? node.id : [])),
  };
}

function viewNode(node: GraphNode, isSplit: boolean): ViewNode {
  const common = { id: node.id, group: undefined, found: false, members: [node], standsFor: [] };
  switch (node.kind) {
    case 'workload':
      return {
        ...common,
        kind: node.gateway ? 'gateway' : 'workload',
        title: node.name,
        subtitle: node.version,
        namespace: node.namespace,
        app: node.app,
        golden: node.inbound,
        health: healthOf(node.inbound),
        troubles: troublesOf(node),
      };
    case 'service': {
      const unbacked = !node.external && node.workloads.length === 0;
      return {
        ...common,
        kind: node.external ? 'external' : 'service',
        title: node.name === '' ? node.host : node.name,
        subtitle: node.external ? 'outside of the mesh' : isSplit ? `${node.workloads.length} versions` : 'service',
        namespace: node.namespace,
        app: '',
        golden: node.inbound,
        health: healthOf(node.inbound),
        troubles: unbacked ? ['no workload is behind this service'] : [],
      };
    }
    case 'outside':
      return {
        ...common,
        kind: 'outside',
        title: 'outside',
        subtitle: 'clients without a sidecar',
        namespace: '',
        app: '',
        golden: NOTHING,
        health: 'idle',
        troubles: [],
      };
  }
}

function troublesOf(node: WorkloadNode): string[] {
  const troubles: string[] = [];
  if (node.sync === 'nacked') troubles.push('a proxy refuses its configuration');
  if (node.sync === 'stale') troubles.push('a proxy has not acknowledged its configuration yet');
  if (!node.meshed) troubles.push('it has no sidecar');
  else if (node.connected < node.instances) {
    troubles.push(`${node.instances - node.connected} of ${node.instances} proxies are not connected`);
  }
  return troubles;
}

function filtered(all: readonly ViewNode[], edges: readonly ViewEdge[], options: ViewOptions): ViewGraph {
  const words = options.search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const isFound = (node: ViewNode): boolean => words.length > 0 && words.every((word) => haystack(node).includes(word));
  const busy = new Set(edges.flatMap(({ source, target }) => [source, target]));
  const inNamespace = (node: ViewNode): boolean =>
    options.namespaces.size === 0 || node.namespace === '' || options.namespaces.has(node.namespace);
  const candidates = all.filter((node) => inNamespace(node) && (!isDull(node, options.hideIdle) || busy.has(node.id)));
  const found = new Set(candidates.filter(isFound).map(({ id }) => id));
  const near = new Set(found);
  for (const { source, target } of edges) {
    if (found.has(source)) near.add(target);
    if (found.has(target)) near.add(source);
  }
  const kept = words.length === 0 ? candidates : candidates.filter(({ id }) => near.has(id));
  const ids = new Set(kept.map(({ id }) => id));
  const lines = edges.filter(({ source, target }) => ids.has(source) && ids.has(target));
  const linked = new Set(lines.flatMap(({ source, target }) => [source, target]));
  // Who is nowhere and has nobody to talk to says nothing.
  const nodes = kept
    .filter((node) => linked.has(node.id) || (node.namespace !== '' && !options.hideIdle))
    .map((node) => ({ ...node, found: found.has(node.id), group: groupOf(node, options.grouping) }));
  return { nodes, edges: lines, groups: groupsOf(nodes, options.grouping) };
}

function isDull(node: ViewNode, hideIdle: boolean): boolean {
  if (node.kind === 'outside') return true;
  return hideIdle;
}

function haystack({ title, subtitle, namespace, app, id }: ViewNode): string {
  return `${title} ${subtitle} ${namespace} ${app} ${id}`.toLowerCase();
}

function groupOf(node: ViewNode, grouping: Grouping): string | undefined {
  if (grouping === 'none' || node.namespace === '') return undefined;
  if (grouping === 'namespace') return `group/${node.namespace}`;
  const app = node.app === '' ? appOfService(node) : node.app;
  return app === '' ? undefined : `group/${node.namespace}/${app}`;
}

/** A service stands with the application of its workloads, `workload/NAMESPACE/NAME`, by the name that they share. */
function appOfService(node: ViewNode): string {
  return node.kind === 'service' ? node.title : '';
}

/** Groups of one application are drawn only around several nodes. */
function groupsOf(nodes: readonly ViewNode[], grouping: Grouping): ViewGroup[] {
  const sizes = new Map<string, number>();
  for (const { group } of nodes) if (group !== undefined) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  return [...sizes]
    .filter(([, size]) => grouping === 'namespace' || size > 1)
    .map(([id]) => ({ id, title: id.slice(id.lastIndexOf('/') + 1) }));
}
