import type {
  V1ConfigMap,
  V1CustomResourceDefinition,
  V1Deployment,
  V1EndpointSlice,
  V1Lease,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1Node,
  V1Pod,
  V1Service,
  V1ValidatingWebhookConfiguration,
} from '@kubernetes/client-node';
import { ApiError, isNotFound, type KubernetesApi } from '../../control-plane/kubernetes/api.js';
import { type Cluster, listAll } from '../mesh/cluster.js';

/** What a cluster holds, asked once each and only when somebody wants to know. Each rejects with an ApiError. */
export class Facts {
  private readonly known = new Map<string, Promise<readonly unknown[]>>();

  constructor(readonly cluster: Cluster) {}

  get api(): KubernetesApi {
    return this.cluster.api;
  }

  get rootNamespace(): string {
    return this.cluster.rootNamespace;
  }

  readonly namespaces = (): Promise<readonly V1Namespace[]> => this.list('/api/v1/namespaces');
  readonly nodes = (): Promise<readonly V1Node[]> => this.list('/api/v1/nodes');
  readonly pods = (): Promise<readonly V1Pod[]> => this.list('/api/v1/pods');
  readonly deployments = (): Promise<readonly V1Deployment[]> => this.list('/apis/apps/v1/deployments');
  readonly definitions = (): Promise<readonly V1CustomResourceDefinition[]> =>
    this.list('/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
  readonly injectors = (): Promise<readonly V1MutatingWebhookConfiguration[]> =>
    this.list('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations');
  readonly validators = (): Promise<readonly V1ValidatingWebhookConfiguration[]> =>
    this.list('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
  readonly bundles = (): Promise<readonly V1ConfigMap[]> =>
    this.list('/api/v1/configmaps', { fieldSelector: 'metadata.name=istio-ca-root-cert' });
  readonly slices = (): Promise<readonly V1EndpointSlice[]> =>
    this.list(`/apis/discovery.k8s.io/v1/namespaces/${this.rootNamespace}/endpointslices`);

  readonly controlPlane = (): Promise<V1Deployment | undefined> =>
    this.one(`/apis/apps/v1/namespaces/${this.rootNamespace}/deployments/weft-control-plane`);
  readonly service = (): Promise<V1Service | undefined> =>
    this.one(`/api/v1/namespaces/${this.rootNamespace}/services/weft-control-plane`);
  readonly lease = (): Promise<V1Lease | undefined> =>
    this.one(`/apis/coordination.k8s.io/v1/namespaces/${this.rootNamespace}/leases/weft-leader`);
  /** What the control plane gives everybody to verify the mesh with. */
  readonly root = async (): Promise<string | undefined> =>
    (await this.one<V1ConfigMap>(`/api/v1/namespaces/${this.rootNamespace}/configmaps/istio-ca-root-cert`))?.data?.[
      'root-cert.pem'
    ];

  private async list<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<readonly T[]> {
    const key = `${path}?${JSON.stringify(query)}`;
    const asked = this.known.get(key) ?? listAll<T>(this.api, path, query);
    this.known.set(key, asked);
    // Of one path all objects are of one kind.
    return (await asked) as readonly T[];
  }

  private async one<T>(path: string): Promise<T | undefined> {
    try {
      return await this.api.request<T>({ method: 'GET', path });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

export function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 403 || error.status === 401);
}
