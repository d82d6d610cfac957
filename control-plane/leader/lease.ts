import { type ApiRequest, isConflict, isNotFound, type KubernetesApi, type ObjectMetadata } from '../kubernetes/api.js';

/** coordination.k8s.io/v1 Lease. */
export interface Lease {
  readonly metadata: ObjectMetadata;
  readonly spec?: LeaseSpec;
}

export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface LeaseStore {
  /** Undefined when there is none. */
  read(signal: AbortSignal): Promise<Lease | undefined>;
  /** Makes it, or replaces exactly the version that was read. Undefined when somebody else was faster. */
  write(spec: LeaseSpec, over: Lease | undefined, signal?: AbortSignal): Promise<Lease | undefined>;
}

const CALL_TIMEOUT_MS = 5000;

/** A Lease in the cluster. */
export class ClusterLease implements LeaseStore {
  private readonly folder: string;

  constructor(
    private readonly api: KubernetesApi,
    private readonly namespace: string,
    private readonly name: string,
  ) {
    this.folder = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  }

  async read(signal: AbortSignal): Promise<Lease | undefined> {
    const path = `${this.folder}/${this.name}`;
    try {
      return await this.api.request<Lease>({ method: 'GET', path, signal, timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async write(spec: LeaseSpec, over: Lease | undefined, signal?: AbortSignal): Promise<Lease | undefined> {
    const envelope = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec };
    const request: Pick<ApiRequest, 'method' | 'path' | 'body'> =
      over === undefined
        ? {
            method: 'POST',
            path: this.folder,
            body: { ...envelope, metadata: { name: this.name, namespace: this.namespace } },
          }
        : { method: 'PUT', path: `${this.folder}/${this.name}`, body: { ...envelope, metadata: over.metadata } };
    try {
      return await this.api.request<Lease>({
        ...request,
        timeoutMs: CALL_TIMEOUT_MS,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (isConflict(error) || (over !== undefined && isNotFound(error))) return undefined;
      throw error;
    }
  }
}
