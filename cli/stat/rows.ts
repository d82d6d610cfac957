import type { Golden, Graph, GraphEdge, GraphNode, WorkloadNode } from '../../common/observe/graph.js';
import type { RouteStat } from '../../common/observe/routes.js';
import { formatNode, SIGNALS, signalCells, WIDE_SIGNALS } from './format.js';
import { edgesOf, nodesNamed, type Target } from './target.js';

/** A table, and the same for programs. */
export interface View {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly data: readonly object[];
}

/** What `weft stat` shows of a graph. */
export function statView(graph: Graph, target: Target, namespace: string | undefined, wide: boolean): View {
  const signals = [...SIGNALS, ...(wide ? WIDE_SIGNALS : [])];
  switch (target.level) {
    case 'route':
    case 'edge':
      return edgeView(graph.edges, namespace, wide);
    case 'namespace':
      return namespaceView(graph, target.name, signals, wide);
    case 'service': {
      const nodes = nodesNamed(graph, target, namespace).filter((node) => node.kind === 'service');
      return {
        head: ['SERVICE', 'NAMESPACE', 'WORKLOADS', ...signals],
        rows: nodes.map((node) => [
          node.name,
          node.namespace,
          String(node.workloads.length),
          ...signalCells(node.inbound, wide),
        ]),
        data: nodes,
      };
    }
    case 'workload': {
      const nodes = nodesNamed(graph, target, namespace).filter((node) => node.kind === 'workload');
      return {
        head: ['WORKLOAD', 'NAMESPACE', 'MESHED', ...signals, ...(wide ? ['PROXY', 'SYNC'] : [])],
        rows: nodes.map((node) => [
          node.name,
          node.namespace,
          meshed(node),
          ...signalCells(node.inbound, wide, connectionsCell(node)),
          ...(wide ? [node.proxyVersions.join(',') || '-', node.sync] : []),
        ]),
        data: nodes,
      };
    }
  }
}

/** How many instances of it have a proxy that is connected: `2/3`; `-` outside of the mesh. */
function meshed({ meshed: inMesh, connected, instances }: WorkloadNode): string {
  return inMesh ? `${connected}/${Math.max(instances, connected)}` : '-';
}

/** `-` where no sidecar tells. */
function connectionsCell({ connections }: Pick<WorkloadNode, 'connections'>): string {
  return connections === undefined ? '-' : String(connections);
}

export function edgeView(edges: readonly GraphEdge[], namespace: string | undefined, wide: boolean): View {
  return {
    head: [
      'SOURCE',
      'DESTINATION',
      'SERVICE',
      'PROTOCOL',
      'SECURED',
      ...SIGNALS,
      ...(wide ? [...WIDE_SIGNALS, 'FLAGS'] : []),
    ],
    rows: edges.map((edge) => [
      formatNode(edge.source, namespace),
      formatNode(edge.destination, namespace),
      edge.service === '' ? '-' : formatNode(edge.service),
      edge.protocol,
      edge.security.kind,
      ...signalCells(edge.golden, wide),
      ...(wide ? [flagsOf(edge)] : []),
    ]),
    data: edges,
  };
}

function flagsOf({ responses }: GraphEdge): string {
  return (
    responses.flatMap(({ flags, code, count }) => (flags === '-' ? [] : `${code}:${flags}×${count}`)).join(' ') || '-'
  );
}

/** What clients send by each of their routes; of one route, or of those to one service, by its name. */
export function routeView(routes: readonly RouteStat[], name: string | undefined, wide: boolean): View {
  const found = routes.filter(
    ({ route, service }) =>
      name === undefined || route === name || formatNode(service).split('.')[0] === name.split('.')[0],
  );
  return {
    head: ['SERVICE', 'ROUTE', 'SOURCE', ...(wide ? ['DESTINATIONS'] : []), ...SIGNALS, ...(wide ? WIDE_SIGNALS : [])],
    rows: found.map(({ service, route, source, destinations, golden }) => [
      formatNode(service),
      route === '' ? '-' : route,
      formatNode(source),
      ...(wide ? [destinations.map((id) => formatNode(id)).join(',')] : []),
      ...signalCells(golden, wide),
    ]),
    data: found,
  };
}

/** Who a node calls, and who calls it. */
export function neighbours(
  graph: Graph,
  nodes: readonly GraphNode[],
  namespace: string | undefined,
  wide: boolean,
): View {
  return edgeView(edgesOf(graph, nodes), namespace, wide);
}

function namespaceView(graph: Graph, name: string | undefined, signals: readonly string[], wide: boolean): View {
  const byName = new Map<string, WorkloadNode[]>();
  for (const node of graph.nodes) {
    if (node.kind !== 'workload' || (name !== undefined && node.namespace !== name)) continue;
    byName.set(node.namespace, [...(byName.get(node.namespace) ?? []), node]);
  }
  const rows = [...byName]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([namespace, nodes]) => {
      const inbound = sumOf(nodes.map((node) => node.inbound));
      const inMesh = nodes.filter((node) => node.meshed).length;
      const told = nodes.flatMap(({ connections }) => connections ?? []);
      const connections = told.length === 0 ? {} : { connections: told.reduce((sum, count) => sum + count, 0) };
      return { namespace, workloads: nodes.length, meshed: inMesh, inbound, ...connections };
    });
  return {
    head: ['NAMESPACE', 'MESHED', ...signals],
    rows: rows.map((row) => [
      row.namespace,
      `${row.meshed}/${row.workloads}`,
      ...signalCells(row.inbound, wide, connectionsCell(row)),
    ]),
    data: rows,
  };
}

/** Latencies are the worst of the parts: percentiles do not add up. */
function sumOf(parts: readonly Golden[]): Golden {
  const sum = (value: (part: Golden) => number): number => parts.reduce((total, part) => total + value(part), 0);
  const worst = (value: (part: Golden) => number | undefined): number | undefined =>
    parts.reduce<number | undefined>((most, part) => {
      const ms = value(part);
      return ms === undefined || (most !== undefined && most > ms) ? most : ms;
    }, undefined);
  const [p50Ms, p95Ms, p99Ms] = [worst((p) => p.p50Ms), worst((p) => p.p95Ms), worst((p) => p.p99Ms)];
  const requests = sum((part) => part.requests);
  const closed = sum((part) => part.connectionsClosed);
  const errors = sum((part) => part.errors);
  return {
    requests,
    errors,
    requestsPerSecond: sum((part) => part.requestsPerSecond),
    errorShare: requests + closed === 0 ? 0 : errors / (requests + closed),
    ...(p50Ms !== undefined && { p50Ms }),
    ...(p95Ms !== undefined && { p95Ms }),
    ...(p99Ms !== undefined && { p99Ms }),
    receivedBytesPerSecond: sum((part) => part.receivedBytesPerSecond),
    sentBytesPerSecond: sum((part) => part.sentBytesPerSecond),
    connectionsOpened: sum((part) => part.connectionsOpened),
    connectionsClosed: closed,
    connectionsOpen: sum((part) => part.connectionsOpen),
  };
}
