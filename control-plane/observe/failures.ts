import type { Failure, FailureReport, Failures } from '../../common/observe/failure.js';
import { edgeId, OUTSIDE_ID, serviceId, workloadId } from '../../common/observe/ids.js';
import { messageOf } from '../../common/runtime/errors.js';
import { countOf } from './query.js';
import { serviceNames } from './service-names.js';
import { askJson, type MeshView } from './view.js';

const ASK_MS = 3000;
const AT_ONCE = 16;

/** Empty is anything. */
interface Wanted {
  readonly node: string;
  readonly edge: string;
  readonly namespace: string;
}

/** The last failed requests of a node or an edge, or of the whole mesh: asked of the sidecars that may know. */
export async function recentFailures(view: MeshView, query: URLSearchParams): Promise<Failures> {
  const limit = countOf(query, 'limit', 50, 1000);
  const wanted: Wanted = {
    node: query.get('node') ?? '',
    edge: query.get('edge') ?? '',
    namespace: query.get('namespace') ?? '',
  };
  const { value, notes } = await view.proxies();
  const asked = value.filter((facts) => facts.observed !== undefined && mayKnow(facts.node, wanted.edge));
  const nameOf = serviceNames(view.snapshot());
  const missing: string[] = [];
  const found: Failures['failures'][number][] = [];
  await eachOf(asked, async ({ key, status }) => {
    try {
      const { failures } = await askJson<FailureReport>(view, key, '/weft/failures', ASK_MS);
      const proxy = `${status.workload}.${status.namespace}`;
      for (const told of failures) {
        const failure = { ...told, service: nameOf(told.service, told.source.namespace) };
        if (concerns(failure, wanted)) found.push({ ...failure, proxy });
      }
    } catch (error) {
      missing.push(`the proxy of ${key} does not tell its failures: ${messageOf(error)}`);
    }
  });
  found.sort((a, b) => b.time - a.time);
  return { failures: found.slice(0, limit), notes: [...notes, ...missing] };
}

/** Both ends of an edge tell, and of one that reached no workload its source. */
function mayKnow(proxyNode: string, edge: string): boolean {
  return edge === '' || edge.split('>').includes(proxyNode);
}

function concerns(failure: Failure, { node, edge, namespace }: Wanted): boolean {
  const ends = [failure.source, failure.destination];
  if (namespace !== '' && !ends.some((end) => end.namespace === namespace)) return false;
  const ids = idsOf(failure);
  if (edge !== '') return ids.edge === edge;
  return node === '' || ids.nodes.includes(node);
}

function idsOf({ source, destination, service, protocol }: Failure): { edge: string; nodes: readonly string[] } {
  const from = source.workload === 'unknown' ? OUTSIDE_ID : workloadId(source.namespace, source.workload);
  const host = service === '' ? 'unknown' : service;
  const to =
    destination.workload === 'unknown' ? serviceId(host) : workloadId(destination.namespace, destination.workload);
  return { edge: edgeId(from, to, host, protocol), nodes: [from, to, serviceId(host)] };
}

/** A few at a time. */
async function eachOf<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, worker));
}
