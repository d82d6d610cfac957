import type { EdgeStats } from '../../common/runtime/edge-report.js';
import type { MeshSnapshot } from '../model/snapshot.js';

const UNKNOWN = 'unknown';

/**
 * The host of the service that a caller in `namespace` meant. A sidecar that answers a request itself (a fault, an unknown subset)
 * knows only what the caller wrote: `reviews`, `reviews.default`.
 */
export function serviceNames(snapshot: MeshSnapshot | undefined): (written: string, namespace: string) => string {
  const hosts = new Map<string, string>();
  for (const { host } of snapshot?.services ?? []) {
    const [name, namespace, kind] = host.split('.');
    if (kind === 'svc') hosts.set(`${name}.${namespace}`, host);
  }
  const known = new Set(snapshot?.services.map(({ host }) => host));
  return (written, namespace) => {
    if (known.has(written)) return written;
    const short = written.replace(/\.svc$/, '');
    return hosts.get(`${short}.${namespace}`) ?? hosts.get(short) ?? written;
  };
}

/** Edges that reached nobody, by the whole name of the service that was meant. */
export function nameServices(edges: readonly EdgeStats[], snapshot: MeshSnapshot | undefined): readonly EdgeStats[] {
  const isLost = ({ destination }: EdgeStats): boolean =>
    destination.workload === UNKNOWN && destination.service !== UNKNOWN;
  if (snapshot === undefined || !edges.some(isLost)) return edges;
  const nameOf = serviceNames(snapshot);
  return edges.map((edge) => {
    if (!isLost(edge)) return edge;
    const { destination, source } = edge;
    const service = nameOf(destination.service, source.namespace);
    return service === destination.service ? edge : { ...edge, destination: { ...destination, service } };
  });
}
