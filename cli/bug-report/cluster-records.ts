import type { CoreV1Event, V1Pod } from '@kubernetes/client-node';
import { messageOf } from '../../common/runtime/errors.js';
import { CONTROL_PLANE } from '../install/manifests/names.js';
import { type Cluster, listAll } from '../mesh/cluster.js';
import type { Entry } from './collect.js';

/** Of each container, in lines and bytes. */
const LINES = '2000';
const BYTES = '1000000';
/** Of each namespace. */
const MAX_EVENTS = 500;
const SIDECAR = 'istio-proxy';

type Named = Readonly<Record<'namespace' | 'name', string>>;

/** What the cluster knows of the parts: logs of the control plane and of the sidecars of `proxies`, and Events of their namespaces. */
export async function* clusterRecords(cluster: Cluster, proxies: readonly Named[]): AsyncGenerator<Entry> {
  const { api, rootNamespace } = cluster;
  const label = { labelSelector: `app.kubernetes.io/name=${CONTROL_PLANE}` };
  const pods = await attempt(() => listAll<V1Pod>(api, `/api/v1/namespaces/${rootNamespace}/pods`, label));
  for (const { metadata } of Array.isArray(pods) ? pods : []) {
    const pod = { namespace: rootNamespace, name: metadata?.name ?? '' };
    yield* logsOf(cluster, pod, undefined);
  }
  for (const proxy of proxies) yield* logsOf(cluster, proxy, SIDECAR);
  for (const namespace of new Set([rootNamespace, ...proxies.map((proxy) => proxy.namespace)])) {
    const events = await attempt(() => eventsOf(cluster, namespace));
    yield { name: `events/${namespace}.json`, text: `${JSON.stringify(events, null, 1)}\n` };
  }
}

/** Of the container that runs, and of the one before it, if it was restarted. */
async function* logsOf(
  { api }: Cluster,
  { namespace, name }: Named,
  container: string | undefined,
): AsyncGenerator<Entry> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`;
  const query = {
    tailLines: LINES,
    limitBytes: BYTES,
    timestamps: 'true',
    ...(container !== undefined && { container }),
  };
  const folder = `logs/${namespace}/${name}`;
  const text = await attempt(() => api.text({ method: 'GET', path, query, timeoutMs: 20_000 }));
  yield { name: `${folder}.log`, text };
  const before = await api
    .text({ method: 'GET', path, query: { ...query, previous: 'true' }, timeoutMs: 20_000 })
    .catch(() => '');
  if (before !== '') yield { name: `${folder}.previous.log`, text: before };
}

async function eventsOf({ api }: Cluster, namespace: string): Promise<object[]> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
  const all = await listAll<CoreV1Event>(api, path);
  return all
    .map(({ involvedObject: { kind = '', name = '' }, type, reason, message, count, lastTimestamp, eventTime }) => ({
      time: String(lastTimestamp ?? eventTime ?? ''),
      object: `${kind} ${name}`,
      type,
      reason,
      message,
      count,
    }))
    .sort((a, b) => (a.time < b.time ? 1 : -1))
    .slice(0, MAX_EVENTS);
}

/** What could not be had is told in its place. */
async function attempt<T>(work: () => Promise<T>): Promise<T | string> {
  return work().catch((error: unknown) => `could not be had: ${messageOf(error)}\n`);
}
