import type { V1Deployment, V1Pod } from '@kubernetes/client-node';
import { isNotFound } from '../../control-plane/kubernetes/api.js';
import { UsageError } from '../command.js';
import { CONTROL_PLANE, PORTS } from '../install/manifests/names.js';
import type { Answering, MeshAccess } from './access.js';
import { type Cluster, explained, listAll } from './cluster.js';
import { labelSelector, parsePodName, type WantedPod } from './pod-name.js';
import { getFromPod, type PodPort, streamFromPod } from './port-forward.js';

const SIDECAR = 'istio-proxy';
const ADMIN_PORT = 15000;

/** The mesh in a cluster: every port is reached through the API server, with the user's own rights. */
export function clusterMesh(cluster: Cluster): MeshAccess {
  const { config } = cluster.api;
  const answering = (pod: V1Pod, port: number): Answering => {
    const { name = '', namespace = '' } = pod.metadata ?? {};
    return {
      name: `${name}.${namespace}`,
      get: (path) => getFromPod(config, { namespace, pod: name, port }, path),
      stream: (path, onText, signal) => streamFromPod(config, { namespace, pod: name, port }, path, onText, signal),
    };
  };
  return {
    async *records(proxies) {
      const { clusterRecords } = await import('../bug-report/cluster-records.js');
      yield* clusterRecords(cluster, proxies);
    },
    controlPlanes: () =>
      told(cluster, async () => (await controlPlanePods(cluster)).map((pod) => answering(pod, PORTS.monitoring))),
    proxy: (wanted) =>
      told(cluster, async () => {
        const pod = await findPod(cluster, wanted);
        if (!hasProxy(pod)) {
          const { name, namespace } = pod.metadata ?? {};
          throw new UsageError(
            `pod ${namespace}/${name} has no sidecar; weft check-inject ${name}.${namespace} says why`,
          );
        }
        return answering(pod, ADMIN_PORT);
      }),
  };
}

/** Where a replica of the control plane answers people; throws what to do when none runs. */
export function controlPlanePort(cluster: Cluster): Promise<PodPort> {
  return told(cluster, async () => {
    const [pod] = await controlPlanePods(cluster);
    const { name = '', namespace = '' } = pod?.metadata ?? {};
    return { namespace, pod: name, port: PORTS.monitoring };
  });
}

async function told<T>({ title }: Cluster, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explained(error, title);
  }
}

async function controlPlanePods({ api, rootNamespace, title }: Cluster): Promise<V1Pod[]> {
  const pods = await listAll<V1Pod>(api, `/api/v1/namespaces/${encodeURIComponent(rootNamespace)}/pods`, {
    labelSelector: `app.kubernetes.io/name=${CONTROL_PLANE}`,
  });
  const running = pods.filter(isRunning);
  if (running.length > 0) return running;
  if (pods.length > 0) {
    throw new Error(`no replica of the control plane runs in namespace ${rootNamespace}: weft check says why`);
  }
  throw new UsageError(
    `Weft is not in namespace ${rootNamespace} of ${title}. Install it with \`weft install | kubectl apply --server-side -f -\`, or say where it is with --root-namespace NAME`,
  );
}

/** The pod that a user means. Of a controller's the first that runs, with a sidecar where there is one. */
export async function findPod(cluster: Cluster, text: string): Promise<V1Pod> {
  const wanted = parsePodName(text, cluster.namespace);
  if (wanted.controller !== undefined) return podOf(cluster, wanted, wanted.controller);
  const { api } = cluster;
  const { name, namespace } = wanted;
  const folder = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  try {
    return await api.request<V1Pod>({ method: 'GET', path: `${folder}/${encodeURIComponent(name)}` });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  // On one machine workloads have the names that Deployments have here.
  try {
    return await podOf(cluster, wanted, 'deployments');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const known = (await listAll<V1Pod>(api, folder)).map(({ metadata }) => metadata?.name ?? '');
  throw new UsageError(
    `there is no pod or deployment ${name} in namespace ${namespace}; pods there: ${known.join(', ') || 'none'}`,
  );
}

async function podOf({ api }: Cluster, { name, namespace }: WantedPod, plural: string): Promise<V1Pod> {
  const place = encodeURIComponent(namespace);
  const path = `/apis/apps/v1/namespaces/${place}/${plural}/${encodeURIComponent(name)}`;
  const { spec } = await api.request<V1Deployment>({ method: 'GET', path });
  const pods = await listAll<V1Pod>(api, `/api/v1/namespaces/${place}/pods`, {
    labelSelector: labelSelector(spec?.selector ?? {}),
  });
  const running = pods.filter(isRunning);
  const pod = running.find(hasProxy) ?? running[0];
  if (pod === undefined) throw new Error(`${plural} ${namespace}/${name} has no running pod`);
  return pod;
}

function isRunning({ metadata, status }: V1Pod): boolean {
  return status?.phase === 'Running' && metadata?.deletionTimestamp === undefined;
}

export function hasProxy({ spec }: V1Pod): boolean {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ name }) => name === SIDECAR);
}
