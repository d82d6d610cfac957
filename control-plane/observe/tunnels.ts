import { type EdgeStats, NO_TRAFFIC } from '../../common/runtime/edge-report.js';
import { isHttp } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';

const tcpHosts = new WeakMap<MeshSnapshot, ReadonlySet<string>>();

/**
 * Calls of services that speak no HTTP, as TCP: where nothing is captured a client reaches them by CONNECT, so that its own sidecar
 * counts a request for each connection. What is open is known at the other end only.
 */
export function tunnelsAsTcp(edges: readonly EdgeStats[], snapshot: MeshSnapshot | undefined): readonly EdgeStats[] {
  if (snapshot === undefined) return edges;
  const hosts = hostsOfTcp(snapshot);
  const isTunnel = ({ reporter, protocol, destination }: EdgeStats): boolean =>
    reporter === 'source' && protocol === 'http' && hosts.has(destination.service);
  if (!edges.some(isTunnel)) return edges;
  const open = new Map<string, number>();
  for (const edge of edges) {
    if (edge.reporter === 'destination' && edge.protocol === 'tcp')
      open.set(callOf(edge), (open.get(callOf(edge)) ?? 0) + (edge.traffic?.open ?? 0));
  }
  return edges.map((edge) => {
    if (!isTunnel(edge)) return edge;
    const key = callOf(edge);
    const now = open.get(key) ?? 0;
    open.delete(key);
    return asTcp(edge, now);
  });
}

function asTcp(edge: EdgeStats, open: number): EdgeStats {
  const ended = edge.responses.reduce((sum, { count }) => sum + count, 0);
  return {
    ...edge,
    protocol: 'tcp',
    responses: edge.responses.map((response) => (response.code === 200 ? { ...response, code: 0 } : response)),
    traffic: { ...(edge.traffic ?? NO_TRAFFIC), opened: ended, closed: ended, open },
  };
}

function callOf({ source, destination }: EdgeStats): string {
  return JSON.stringify([source.namespace, source.workload, destination.workload, destination.service]);
}

/** A port that nobody declares may be HTTP. */
function hostsOfTcp(snapshot: MeshSnapshot): ReadonlySet<string> {
  let hosts = tcpHosts.get(snapshot);
  if (hosts === undefined) {
    hosts = new Set(
      snapshot.services
        .filter(
          ({ ports }) => ports.length > 0 && ports.every(({ protocol }) => protocol !== 'auto' && !isHttp(protocol)),
        )
        .map(({ host }) => host),
    );
    tcpHosts.set(snapshot, hosts);
  }
  return hosts;
}
