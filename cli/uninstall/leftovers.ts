import type { KubernetesApi } from '../../control-plane/kubernetes/api.js';
import { listAll } from '../mesh/cluster.js';
import type { Found } from './target.js';

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** What the cluster itself makes in every namespace, or what only mirrors other objects. */
const DERIVED = ['Event', 'Endpoints', 'EndpointSlice', 'PodMetrics'];
const OF_THE_CLUSTER = ['ConfigMap/kube-root-ca.crt', 'ServiceAccount/default'];

/** Everything in a namespace that somebody has put there, as `Kind name`; what goes with its owner does not count. */
export async function leftoversIn(api: KubernetesApi, namespace: string): Promise<string[]> {
  const left = new Set<string>();
  for (const groupVersion of await groupVersions(api)) {
    const root = groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`;
    const { resources } = await api.request<{ resources: readonly ApiResource[] }>({ method: 'GET', path: root });
    for (const { name, kind, namespaced, verbs } of resources) {
      if (!namespaced || !verbs.includes('list') || name.includes('/') || DERIVED.includes(kind)) continue;
      for (const object of await listAll<Found>(api, `${root}/namespaces/${namespace}/${name}`)) {
        const { name: own = '', ownerReferences = [], deletionTimestamp } = object.metadata ?? {};
        const going = ownerReferences.length > 0 || deletionTimestamp !== undefined;
        if (!going && !OF_THE_CLUSTER.includes(`${kind}/${own}`)) left.add(`${kind} ${own}`);
      }
    }
  }
  return [...left];
}

async function groupVersions(api: KubernetesApi): Promise<string[]> {
  const { groups } = await api.request<{
    groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
  }>({ method: 'GET', path: '/apis' });
  return ['v1', ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
}
