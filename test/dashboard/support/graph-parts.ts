import type { Golden, GraphEdge, GraphNode, ServiceNode, WorkloadNode } from '../../../common/observe/graph.js';

/** When everything happens. */
export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);

export function golden(rate: number, errorShare = 0, p50 = 4): Golden {
  const requests = Math.round(rate * 60);
  return {
    requests,
    errors: Math.round(requests * errorShare),
    requestsPerSecond: rate,
    errorShare,
    ...(rate > 0 ? { p50Ms: p50, p95Ms: p50 * 2.6, p99Ms: p50 * 4.2 } : {}),
    receivedBytesPerSecond: rate * 120,
    sentBytesPerSecond: rate * 900,
    connectionsOpened: 0,
    connectionsClosed: 0,
    connectionsOpen: 0,
  };
}

export function workload(
  name: string,
  app: string,
  version: string,
  inbound: Golden,
  more: Partial<WorkloadNode> = {},
): WorkloadNode {
  const namespace = more.namespace ?? 'default';
  return {
    kind: 'workload',
    id: `workload/${namespace}/${name}`,
    name,
    namespace,
    app,
    version,
    services: [`service/${app}.${namespace}.svc.cluster.local`],
    meshed: true,
    gateway: false,
    instances: 1,
    connected: 1,
    observed: 1,
    proxyVersions: ['0.1.0'],
    sync: 'synced',
    inbound,
    ...more,
  };
}

export function service(
  name: string,
  workloads: readonly WorkloadNode[],
  inbound: Golden,
  namespace = 'default',
): ServiceNode {
  const host = `${name}.${namespace}.svc.cluster.local`;
  return {
    kind: 'service',
    id: `service/${host}`,
    host,
    name,
    namespace,
    external: false,
    workloads: workloads.map(({ id }) => id),
    inbound,
  };
}

export function edge(
  source: GraphNode,
  destination: GraphNode,
  to: ServiceNode,
  total: Golden,
  more: Partial<GraphEdge> = {},
): GraphEdge {
  const protocol = more.protocol ?? 'http';
  const account = (node: GraphNode): string =>
    node.kind === 'workload' ? `spiffe://cluster.local/ns/${node.namespace}/sa/bookinfo-${node.app}` : '';
  return {
    id: `${source.id}>${destination.id}>${to.host}>${protocol}`,
    source: source.id,
    destination: destination.id,
    service: to.id,
    protocol,
    reporter: 'source',
    golden: total,
    security: { kind: 'mtls', sourceIdentity: account(source), destinationIdentity: account(destination) },
    responses: [
      {
        code: 200,
        flags: '-',
        count: total.requests - total.errors,
        perSecond: total.requestsPerSecond * (1 - total.errorShare),
      },
      ...(total.errors > 0
        ? [{ code: 503, flags: 'UO', count: total.errors, perSecond: total.requestsPerSecond * total.errorShare }]
        : []),
    ],
    share: 1,
    hosts: 1,
    ejected: 0,
    overflowed: 0,
    faultInjected: 0,
    denied: 0,
    rateLimited: 0,
    ...more,
  };
}
